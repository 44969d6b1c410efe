"""What a process does besides answering requests: its tasks, and whether they all still run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem

END_SECONDS = 6.0  # a little more than `Messages.consume` takes for the messages in hand

log = logger(__name__)


class Background:
    """Tasks that must not end. They run while `running` does."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self, work: dict[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        """Run each of `work`, by its name, until the block ends."""
        self._tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
        try:
            yield
        finally:
            await _end(self._tasks)

    async def check(self) -> None:
        """Raise RuntimeError if a task has ended: only a new process mends that."""
        ended = [task for task in self._tasks if task.done()]
        if ended:
            reasons = {task.get_name(): "cancelled" if task.cancelled() else repr(task.exception()) for task in ended}
            raise RuntimeError(f"ended: {reasons}")


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they end: `asyncio.wait_for` of Python 3.11 may lose the first cancellation."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=END_SECONDS)


async def repeat(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` every so many seconds; what it fails with is logged, and it is tried again the next time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Problem as error:
            log.warning("not done now", error=error.detail)
        except Exception:  # the next time may go well; the log says it
            log.exception("failed")
