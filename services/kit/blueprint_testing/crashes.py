"""What is on the disk when a process dies between any two of its steps, and its node loses power at that moment."""

import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

DIED = 77
# Operations of a process on files, as Python's audit events name them; https://docs.python.org/3/library/audit_events.html
STEPS = frozenset({"open", "os.link", "os.rename", "os.remove", "os.mkdir"})


def crashes(folder: Path, work: Callable[[], object]) -> Iterator[int]:
    """Do `work` in a process that dies before its first step, then in one before its second, until one ends.

    What it wrote to files in `folder` and did not sync is half lost.
    """
    for number in itertools.count():
        process = os.fork()
        if process == 0:
            _die(number, folder, work)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if code == 0:
            return
        assert code == DIED, f"the process ended with {code} at step {number}"
        yield number


def steps(folder: Path, work: Callable[[], object]) -> list[str]:
    """The steps of `work` on files in `folder`, by name."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        _watch(folder, lambda step: os.write(writer, step.encode() + b"\n"))
        _end(work)
    os.close(writer)
    with os.fdopen(reader) as said:
        listed = said.read().split()
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    return listed


def _die(number: int, folder: Path, work: Callable[[], object]) -> NoReturn:
    before, synced, count = _inodes(folder), set[int](), itertools.count()

    def look(step: str) -> None:
        if next(count) == number:
            _lose(folder, before | synced)
            os._exit(DIED)

    _watch(folder, look, synced)
    _end(work)


def _watch(folder: Path, look: Callable[[str], object], synced: set[int] | None = None) -> None:
    """Tell `look` each step before it is done. Only for a process that ends soon: a hook cannot be removed."""
    real, looking = os.fsync, False

    def tell(step: str) -> None:
        nonlocal looking
        looking = True
        look(step)
        looking = False

    def hook(event: str, given: tuple[object, ...]) -> None:
        if event in STEPS and not looking and str(given[0]).startswith(str(folder)):
            tell(event)

    def fsync(fd: Any) -> None:
        found = os.fstat(fd)
        tell("fsync.folder" if stat.S_ISDIR(found.st_mode) else "fsync")
        real(fd)
        if synced is not None:
            synced.add(found.st_ino)

    os.fsync = fsync
    sys.addaudithook(hook)


def _lose(folder: Path, kept: set[int]) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_ino not in kept:
            os.truncate(path, path.stat().st_size // 2)


def _inodes(folder: Path) -> set[int]:
    return {path.stat().st_ino for path in folder.rglob("*")}


def _end(work: Callable[[], object]) -> NoReturn:
    """Do `work`, and end without what pytest would do at the end."""
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)
