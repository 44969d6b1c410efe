"""One load at a time, and not again too soon."""

import asyncio

import pytest
from blueprint_testing import Clock

from app.cached import Cached


class Source:
    """Counts its loads, which wait until they are let go."""

    def __init__(self) -> None:
        self.loads = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def load(self) -> int:
        self.loads += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return self.loads


async def test_all_who_ask_at_once_share_one_load() -> None:
    source = Source()
    cached = Cached(source.load, 1)
    asking = [asyncio.create_task(cached.get()) for _ in range(20)]
    await asyncio.sleep(0)
    source.go.set()
    assert await asyncio.gather(*asking) == [1] * 20


async def test_value_is_kept_for_its_time_from_the_loads_end() -> None:
    source, clock = Source(), Clock()
    cached = Cached(source.load, 1, clock)
    asking = asyncio.create_task(cached.get())
    await asyncio.sleep(0)
    clock.now += 5
    source.go.set()
    assert await asking == 1
    clock.now += 0.9
    assert await cached.get() == 1
    clock.now += 0.1
    assert await cached.get() == 2


async def test_failure_is_kept_as_long_as_a_value() -> None:
    """Those who ask an API that is down must not ask it more often."""
    source, clock = Source(), Clock()
    source.error = RuntimeError("down")
    source.go.set()
    cached = Cached(source.load, 1, clock)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await cached.get()
    assert source.loads == 1
    source.error, clock.now = None, clock.now + 1
    assert await cached.get() == 2


async def test_who_leaves_takes_the_value_from_nobody() -> None:
    source = Source()
    cached = Cached(source.load, 1)
    first, second = asyncio.create_task(cached.get()), asyncio.create_task(cached.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.go.set()
    assert await second == 1
    assert first.cancelled()


async def test_close_ends_a_load() -> None:
    source = Source()
    cached = Cached(source.load, 1)
    asking = asyncio.create_task(cached.get())
    await asyncio.sleep(0)
    await cached.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
