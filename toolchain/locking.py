"""One at a time, across processes: a lock by name in the user's cache."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from toolchain import paths


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Holds the lock of that name while the body runs; waits until its holder ends."""
    folder = paths.cache() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
