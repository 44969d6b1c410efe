"""The sales as files: `sales/<day>.json` for each day, and `position.json`, how far the events are counted.

Each file is replaced whole, and the position last. So after a crash at any moment the position is at most behind: what
is read again after it was counted is known by its order's id, and changes nothing. One process at a time, by a lock.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.sales import Day, Sale
from blueprint_kit.logs import logger

Model = TypeVar("Model", bound=BaseModel)

log = logger(__name__)


class LedgerError(Exception):
    """A file of the ledger cannot be used: its name, the rule, the remedy."""


class LockedError(LedgerError):
    """Another report has the ledger."""


class Position(BaseModel):
    """The last message that was counted: its number in the stream, and the event that it was, if it was one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sequence: int = Field(0, ge=0, strict=True)
    event: UUID | None = None


class Ledger:
    """The files in `folder`, which is there. Raises OSError where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sales = folder / "sales"
        self._days: dict[date, Day] = {}
        self._changed: set[date] = set()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else has the ledger in this block. Raises LockedError if somebody has it now."""
        with (self._folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                rule = "is locked: another report counts; wait until it has ended"
                raise LockedError(f"{self._folder / 'lock'} {rule}") from None
            self._sales.mkdir(exist_ok=True)
            yield

    def position(self) -> Position:
        """How far the events are counted. From the beginning if that is not known: it only takes longer."""
        path = self._folder / "position.json"
        try:
            return _read(path, Position) or Position()
        except LedgerError as error:
            log.warning("the position is damaged; all events are read again", file=str(path), error=str(error))
            return Position()

    def add(self, day: date, order_id: UUID, sale: Sale) -> bool:
        """Count an order, in memory: whether it was not counted before. Raises LedgerError for a damaged day."""
        if not self._day(day).add(order_id, sale):
            return False
        self._changed.add(day)
        return True

    def save(self, position: Position) -> set[date]:
        """Write the days that have changed since the last time, then the position. Returns those days."""
        changed, self._changed = self._changed, set()
        for day in sorted(changed):
            _replace(self._path(day), self._days[day])
        _sync(self._sales)
        _replace(self._folder / "position.json", position)
        _sync(self._folder)
        return changed

    def day(self, day: date) -> Day | None:
        """The sales of a day, None if there are none. Raises LedgerError for a damaged day."""
        found = self._day(day)
        return found if found.orders else None

    def _day(self, day: date) -> Day:
        if day not in self._days:
            self._days[day] = _read(self._path(day), Day) or Day(day=day)
        return self._days[day]

    def _path(self, day: date) -> Path:
        return self._sales / f"{day.isoformat()}.json"


def _read(path: Path, model: type[Model]) -> Model | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the whole'}: {item['msg']}" for item in error.errors())
        remedy = "remove it and position.json: what the stream still has is counted again"
        raise LedgerError(f"{path} is damaged ({said}); {remedy}") from None


def _replace(path: Path, content: BaseModel) -> None:
    """Write a file aside, and put it in its place when all of it is on the disk."""
    aside = path.with_name(f".{path.name}.aside")  # who has the lock may replace what a dead process left there
    with aside.open("wb") as file:
        file.write(content.model_dump_json().encode())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def _sync(folder: Path) -> None:
    """Return when the folder's names are on the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
