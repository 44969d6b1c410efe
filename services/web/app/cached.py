"""A value that is loaded at most once in a while, however many ask for it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cached(Generic[T]):
    """What `load` returned or raised, kept for `seconds` from its end. All who ask meanwhile share one load."""

    def __init__(
        self, load: Callable[[], Awaitable[T]], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._seconds = seconds
        self._clock = clock
        self._flight: asyncio.Future[T] | None = None
        self._ended_at = 0.0

    async def get(self) -> T:
        """The value, or the error of its load."""
        flight = self._flight
        if flight is None or (flight.done() and self._clock() - self._ended_at >= self._seconds):
            flight = self._flight = asyncio.ensure_future(self._load())
            flight.add_done_callback(self._ended)
        return await asyncio.shield(flight)  # who asked first may leave; the others still wait

    async def close(self) -> None:
        """End a load that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):  # it was raised to those who asked
                await self._flight

    def _ended(self, flight: asyncio.Future[T]) -> None:
        self._ended_at = self._clock()
        if not flight.cancelled():
            flight.exception()  # all who asked may have left: asyncio need not say that nobody looked
