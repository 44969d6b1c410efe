"""The receipts: one file `<order id>.json` for each order, in a folder that several processes may share.

A receipt is written aside and linked to its name when all of it is on the disk, so it is there whole or not at all,
and only once: a link does not replace what is there. Nothing ever changes or removes a receipt.
"""

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError

from app.schemas import Notification
from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem

NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")
ASIDE = ".aside-"  # how the names of files begin that are no receipts yet
ABANDONED_SECONDS = 3600.0  # a file aside that is older was left by a process that died

Done = TypeVar("Done")

log = logger(__name__)


class ReceiptsUnavailable(Problem):
    """503: the folder cannot be used: it is full, say, or read-only. Its cause says why."""

    def __init__(self) -> None:
        detail = "the receipts cannot be read or written now; try again"
        super().__init__(503, detail, kind="receipts-unavailable", headers={"Retry-After": "5"})


@dataclass(frozen=True)
class Found:
    """Some of the receipts, and how many there are in all."""

    receipts: Sequence[Notification]
    total: int


class Receipts:
    """The receipts in `folder`. All methods but `check` raise ReceiptsUnavailable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, receipt: Notification) -> bool:
        """Return when the order's receipt is on the disk: whether it is this one. False if there was one before."""
        return await _apart(lambda: keep(self._folder, receipt))

    async def find_page(self, page: int, size: int) -> Found:
        """The receipts of a page, counted from 1, newest orders first."""
        return await _apart(lambda: find_page(self._folder, page, size))

    async def find_order(self, order_id: UUID) -> Notification | None:
        """The receipt of an order."""
        return await _apart(lambda: read(self._folder / name_of(order_id)))

    async def tidy(self) -> None:
        """Remove what processes that died have left aside."""
        await _apart(lambda: tidy(self._folder))

    async def check(self) -> None:
        """Raise OSError if a receipt could not be written now."""
        await asyncio.to_thread(check, self._folder)


async def _apart(work: Callable[[], Done]) -> Done:
    """Do `work` in another thread, since a disk may take its time."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise ReceiptsUnavailable from error


def name_of(order_id: UUID) -> str:
    """The name of an order's receipt. Orders' ids begin with their time (UUIDv7), so the names sort by time."""
    return f"{order_id}.json"


def keep(folder: Path, receipt: Notification) -> bool:
    """Write a receipt unless there is one. Also one that was there is on the disk for good on return."""
    path = folder / name_of(receipt.order_id)
    new = False
    if not path.exists():
        with _written_aside(folder, receipt.model_dump_json().encode()) as aside:
            new = _linked(aside, path)
    _sync(folder)  # who linked it may not have come this far
    return new


def check(folder: Path) -> None:
    """Write as much as most receipts take, and remove it."""
    with _written_aside(folder, bytes(4096)):
        return


def find_page(folder: Path, page: int, size: int) -> Found:
    """The receipts of a page. One that cannot be understood is left out, and said in the log."""
    with os.scandir(folder) as entries:
        names = sorted((entry.name for entry in entries if NAME.fullmatch(entry.name)), reverse=True)
    shown = names[(page - 1) * size : page * size]
    receipts = [read(folder / name) for name in shown]
    return Found([receipt for receipt in receipts if receipt is not None], len(names))


def read(path: Path) -> Notification | None:
    """The receipt in a file, None if there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Notification.model_validate_json(content)
    except ValidationError as error:
        log.error("receipt is damaged; remove the file or mend it", file=str(path), error=str(error))
        return None


def tidy(folder: Path) -> None:
    """Remove files aside that no process can still be writing."""
    for aside in folder.glob(f"{ASIDE}*"):
        with contextlib.suppress(FileNotFoundError):  # another process tidies as well
            if time.time() - aside.stat().st_mtime > ABANDONED_SECONDS:
                aside.unlink()
                log.info("removed what was left aside", file=str(aside))


@contextlib.contextmanager
def _written_aside(folder: Path, content: bytes) -> Iterator[Path]:
    """A file with this content that is on the disk, under a name of its own until the block ends."""
    number, name = tempfile.mkstemp(prefix=ASIDE, dir=folder)
    aside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        aside.unlink(missing_ok=True)


def _linked(aside: Path, path: Path) -> bool:
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Return when the folder's names are on the disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
