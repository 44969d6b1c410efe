"""A folder of records: one file each, written once and whole, the oldest removed when there are too many.

A record is written aside and renamed when all of it is on the disk, so it is there whole or not at all. Its name is its
id: when it was kept, in microseconds, and a mark. One process has the folder, so ids only ever grow.
"""

import asyncio
import contextlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge

from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem
from blueprint_kit.settings import Refusal, SettingsError

ID = r"^[0-9]{16}-[0-9a-f]{16}$"
ASIDE = ".aside-"  # how the names of files begin that are no records yet
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_NAME = re.compile(ID)

KEPT = Gauge("records_kept", "Records on the disk.")
KEPT_BYTES = Gauge("records_kept_bytes", "What the records on the disk take.")
REMOVED = Counter("records_removed_total", "Records that were removed to make room for newer ones.")

Done = TypeVar("Done")
Item = TypeVar("Item")

log = logger(__name__)


class RecordsUnavailable(Problem):
    """503: the folder cannot be used: it is full, say, or read-only. Its cause says why."""

    def __init__(self) -> None:
        detail = "the records cannot be read or written now; try again"
        super().__init__(503, detail, kind="records-unavailable", headers={"Retry-After": "5"})


@dataclass(frozen=True, order=True)
class Record:
    """One record by its id: microseconds since 1970, and a mark of 16 hexadecimal digits."""

    microseconds: int
    mark: str

    @classmethod
    def of(cls, name: str) -> "Record":
        """The record of this id. Raises ValueError for a text that is none."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no record's id")
        microseconds, _, mark = name.partition("-")
        return cls(int(microseconds), mark)

    @property
    def id(self) -> str:
        """The id, which is the file's name too. Ids sort by time."""
        return f"{self.microseconds:016d}-{self.mark}"

    @property
    def at(self) -> datetime:
        """When it was kept."""
        return EPOCH + self.microseconds * MICROSECOND


@dataclass(frozen=True)
class Most:
    """How many records there may be, and how many bytes they may take together. The newest is kept in any case."""

    count: int
    size: int


@dataclass(frozen=True)
class Slice(Generic[Item]):
    """Some of a list, and how many there are in all."""

    items: Sequence[Item]
    total: int


def slice_of(found: Sequence[Item], page: int, size: int) -> Slice[Item]:
    """A page, counted from 1. One after the last is empty."""
    return Slice(found[(page - 1) * size : page * size], len(found))


class Records:
    """The records in `folder`. What awaits raises RecordsUnavailable, but for `check`."""

    def __init__(self, folder: Path, most: Most) -> None:
        self._folder, self._most = folder, most
        self._keeping = threading.Lock()

    async def open(self) -> None:
        """Remove what a process that died has left aside, and count what is there."""
        await self.apart(self._open)

    async def keep(self, content: bytes, mark: str) -> tuple[Record, bool]:
        """Return when the content is on the disk: its record, and true. One of the same mark stays as it is: false."""
        return await self.apart(lambda: self.keep_now(content, mark))

    async def apart(self, work: Callable[[], Done]) -> Done:
        """Do `work`, which reads the folder, in another thread, since a disk may take its time."""
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            log.error("the records cannot be used", folder=str(self._folder), error=str(error))
            raise RecordsUnavailable from error

    async def check(self) -> None:
        """Raise OSError if a record could not be written now."""
        await asyncio.to_thread(self._check)

    def listed(self, since: datetime | None = None) -> list[Record]:
        """The records kept at that time or later, newest first."""
        least = 0 if since is None else (since - EPOCH) // MICROSECOND
        return [record for record in reversed(_records(self._folder)) if record.microseconds >= least]

    def read(self, record: Record) -> bytes | None:
        """What was kept; None if it is not there, or no longer."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / record.id).read_bytes()
        return None

    def keep_now(self, content: bytes, mark: str) -> tuple[Record, bool]:
        """`keep`, in this thread. Raises OSError."""
        with self._keeping:
            there = _records(self._folder)
            for record in there:
                if record.mark == mark:
                    _sync(self._folder)  # who renamed it may not have come this far
                    return record, False
            now = time.time_ns() // 1000
            record = Record(max(now, there[-1].microseconds + 1) if there else now, mark)
            aside = _written_aside(self._folder, content)
            with _removed_on_failure(aside):
                aside.rename(self._folder / record.id)
            _sync(self._folder)
            self._make_room()
            return record, True

    def _open(self) -> None:
        for aside in self._folder.glob(f"{ASIDE}*"):
            aside.unlink()
            log.info("removed what was left aside", file=str(aside))
        self._make_room()

    def _check(self) -> None:
        """Write as much as most records take, and remove it."""
        _written_aside(self._folder, bytes(4096)).unlink()

    def _make_room(self) -> None:
        """Remove the oldest until the rest is within bounds. What was kept is kept, also when that fails."""
        try:
            sizes = {record: (self._folder / record.id).stat().st_size for record in _records(self._folder)}
            for record in list(sizes)[:-1]:
                if len(sizes) <= self._most.count and sum(sizes.values()) <= self._most.size:
                    break
                (self._folder / record.id).unlink()
                del sizes[record]
                REMOVED.inc()
            KEPT.set(len(sizes))
            KEPT_BYTES.set(sum(sizes.values()))
        except OSError as error:
            log.error("old records cannot be removed", folder=str(self._folder), error=str(error))


def require_folder(setting: str, folder: Path) -> None:
    """Raise SettingsError if the folder is not there. Whether it can be written is readiness, which may change."""
    if not folder.is_dir():
        remedy = f"mount the claim at {folder}, or set {setting}"
        raise SettingsError([Refusal(f"{setting}={str(folder)!r}", "must be a folder that is there", remedy)])


def _records(folder: Path) -> list[Record]:
    """Oldest first. What is no record is passed over."""
    with os.scandir(folder) as entries:
        return sorted(Record.of(entry.name) for entry in entries if _NAME.fullmatch(entry.name))


def _written_aside(folder: Path, content: bytes) -> Path:
    """A file with this content that is on the disk, under a name of its own. A failure leaves none behind."""
    number, name = tempfile.mkstemp(prefix=ASIDE, dir=folder)
    aside = Path(name)
    with _removed_on_failure(aside), os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return aside


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Return when the folder's names are on the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
