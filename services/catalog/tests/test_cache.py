"""The cache alone, on a real server: who reads the database, and that nothing old is ever kept."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from cache_server import CacheServer
from valkey.exceptions import NoPermissionError

import app.cache
from app.cache import ABSENT_SECONDS, WAIT_SECONDS, Cache, product_key
from app.leases import CacheUnavailableError, Leases, Turn
from app.schemas import Money, Product, ProductPage
from app.settings import CatalogSettings
from blueprint_kit.settings import load_settings

SECONDS = 60
MakeCache = Callable[[], Cache]


@pytest.fixture
def settings(cache: CacheServer, tmp_path: Path) -> CatalogSettings:
    (tmp_path / "postgres").write_text("unused")
    database = {"postgres_host": "unused", "postgres_password_file": tmp_path / "postgres"}
    return load_settings(CatalogSettings, **database, **cache.settings(tmp_path))


@pytest.fixture
async def process(cache: CacheServer, settings: CatalogSettings) -> AsyncIterator[MakeCache]:
    """Makes caches as processes of their own have them: nothing is shared but the server, which is empty."""
    async with cache.client() as client:
        await client.flushall()
    async with contextlib.AsyncExitStack() as closed:

        def make() -> Cache:
            made = Cache(Leases(settings), SECONDS)
            closed.push_async_callback(made.close)
            return made

        yield make


def product(price: int, sku: str = "A-1") -> Product:
    money = Money(amount=Decimal(price), currency="EUR")
    return Product(
        sku=sku, name="n", description="d", category="c", price=money, created_at=datetime(2026, 5, 1, tzinfo=UTC)
    )


class Rows:
    """A database of one product, which counts how often it is read."""

    def __init__(self, price: int = 1) -> None:
        self.price = price
        self.reads = 0
        self.seconds = 0.0

    async def read(self) -> Product | None:
        self.reads += 1
        found = product(self.price)
        await asyncio.sleep(self.seconds)
        return found

    async def page(self) -> ProductPage:
        self.reads += 1
        return ProductPage(items=[product(self.price)], total=1, page=1, size=20)


def held(price: int) -> tuple[Callable[[], Awaitable[Product | None]], asyncio.Event, asyncio.Event]:
    """A read that has its row, and returns it when told: the read, that it began, that it shall end."""
    began, end = asyncio.Event(), asyncio.Event()

    async def read() -> Product | None:
        began.set()
        await end.wait()
        return product(price)

    return read, began, end


async def test_fifty_readers_of_a_cold_key_read_the_database_once(
    process: MakeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.cache, "WAIT_SECONDS", 10)  # a busy machine may need it
    rows = Rows()
    rows.seconds = 0.1
    processes = [process() for _ in range(5)]
    found = await asyncio.gather(*(one.product("A-1", rows.read) for one in processes for _ in range(10)))
    assert rows.reads == 1
    assert found == [product(1)] * 50


async def test_what_is_kept_is_not_read_again(process: MakeCache) -> None:
    rows, one, other = Rows(), process(), process()
    for cache in (one, other, one):
        assert await cache.product("A-1", rows.read) == product(1)
        assert (await cache.page(1, 20, rows.page)).items == [product(1)]
    assert rows.reads == 2


async def test_change_is_seen_by_every_process_at_once(process: MakeCache) -> None:
    rows, one, other = Rows(1), process(), process()
    for cache in (one, other):
        await cache.product("A-1", rows.read)
        await cache.page(1, 20, rows.page)
    rows.price = 2
    await one.invalidate("A-1")
    for cache in (one, other):
        assert await cache.product("A-1", rows.read) == product(2)
        assert (await cache.page(1, 20, rows.page)).items == [product(2)]


async def test_slow_reader_of_an_old_row_stores_nothing_after_a_change(process: MakeCache) -> None:
    slow, began, end = held(1)
    rows, one, other = Rows(2), process(), process()
    reading = asyncio.create_task(one.product("A-1", slow))
    await began.wait()
    await other.invalidate("A-1")
    end.set()
    assert await reading == product(1), "it asked before the change"
    assert await other.product("A-1", rows.read) == product(2)
    assert rows.reads == 1, "what the slow one had was not kept"


async def test_slow_reader_of_an_old_row_does_not_overwrite_the_new_one(process: MakeCache) -> None:
    slow, began, end = held(1)
    rows, one, other = Rows(2), process(), process()
    reading = asyncio.create_task(one.product("A-1", slow))
    await began.wait()
    await other.invalidate("A-1")
    assert await other.product("A-1", rows.read) == product(2)
    end.set()
    await reading
    assert await one.product("A-1", rows.read) == product(2)
    assert rows.reads == 1


async def test_slow_reader_of_an_old_list_stores_nothing_after_a_change(process: MakeCache) -> None:
    began, end = asyncio.Event(), asyncio.Event()
    rows, one, other = Rows(2), process(), process()

    async def slow() -> ProductPage:
        began.set()
        await end.wait()
        return ProductPage(items=[product(1)], total=1, page=1, size=20)

    reading = asyncio.create_task(one.page(1, 20, slow))
    await began.wait()
    await other.invalidate("A-1")
    end.set()
    await reading
    assert (await other.page(1, 20, rows.page)).items == [product(2)]


async def test_readers_wait_for_a_slow_one_no_longer_than_they_should(process: MakeCache) -> None:
    slow, began, end = held(1)
    rows, one, other = Rows(), process(), process()
    reading = asyncio.create_task(one.product("A-1", slow))
    await began.wait()
    start = time.monotonic()
    assert await other.product("A-1", rows.read) == product(1)
    assert WAIT_SECONDS <= time.monotonic() - start < WAIT_SECONDS + 1
    assert rows.reads == 1
    end.set()
    await reading


async def test_reader_that_fails_leaves_its_turn_to_the_next(process: MakeCache) -> None:
    began, end = asyncio.Event(), asyncio.Event()
    rows, one, other = Rows(), process(), process()

    async def fails() -> Product | None:
        began.set()
        await end.wait()
        raise ConnectionError("the database went away")

    failing = asyncio.create_task(one.product("A-1", fails))
    await began.wait()
    waiting = asyncio.create_task(other.product("A-1", rows.read))
    end.set()
    with pytest.raises(ConnectionError):
        await failing
    assert await asyncio.wait_for(waiting, WAIT_SECONDS) == product(1)
    assert await one.product("A-1", rows.read) == product(1)
    assert rows.reads == 1, "the next one filled it"


async def test_that_there_is_none_is_kept_for_a_moment(cache: CacheServer, process: MakeCache) -> None:
    reads = 0

    async def none() -> Product | None:
        nonlocal reads
        reads += 1
        return None

    one = process()
    assert [await one.product("NO-1", none) for _ in range(3)] == [None] * 3
    assert reads == 1
    async with cache.client() as client:
        assert 0 < await client.pttl(product_key("NO-1")) <= ABSENT_SECONDS * 1000


async def test_values_end_by_themselves_and_not_together(cache: CacheServer, process: MakeCache) -> None:
    rows, one = Rows(), process()
    skus = [f"A-{number}" for number in range(20)]
    for sku in skus:
        await one.product(sku, rows.read)
    async with cache.client() as client:
        left = [await client.pttl(product_key(sku)) / 1000 for sku in skus]
    assert all(0.75 * SECONDS < seconds <= SECONDS for seconds in left)
    assert max(left) - min(left) > 0.02 * SECONDS


async def test_value_of_another_shape_is_read_from_the_database(cache: CacheServer, process: MakeCache) -> None:
    rows, one = Rows(), process()
    async with cache.client() as client:
        for kept in ('{"sku": "A-1"}', "no JSON"):
            await client.set(product_key("A-1"), kept)
            assert await one.product("A-1", rows.read) == product(1)
    assert rows.reads == 2


async def test_lease_that_ended_fills_nothing(settings: CatalogSettings, process: MakeCache) -> None:
    """A process that stood still for long does not come back with an old row."""
    process()
    leases = Leases(settings)
    try:
        assert await leases.look("catalog:x", "first", 0.05) is Turn.MINE
        assert await leases.look("catalog:x", "second", 1) is Turn.ANOTHERS
        await asyncio.sleep(0.1)
        assert not await leases.fill("catalog:x", "first", "old", 9)
        assert await leases.look("catalog:x", "second", 1) is Turn.MINE
        assert not await leases.fill("catalog:x", "first", "old", 9)
        assert await leases.fill("catalog:x", "second", "new", 9)
        assert await leases.look("catalog:x", "third", 1) == b"new"
    finally:
        await leases.close()


async def test_lost_server_fails_no_read_and_is_used_again(cache: CacheServer, process: MakeCache) -> None:
    rows, one = Rows(), process()
    await one.product("A-1", rows.read)
    cache.kill()
    try:
        for _ in range(20):
            assert await one.product("A-1", rows.read) == product(1)
            assert (await one.page(1, 20, rows.page)).items == [product(1)]
    finally:
        cache.start()
    assert rows.reads == 41
    await asyncio.sleep(1.1)  # the breaker's pause
    for _ in range(3):
        await one.product("A-1", rows.read)
    assert rows.reads == 42


async def test_server_that_does_not_answer_is_paid_for_a_few_times_only(
    cache: CacheServer, settings: CatalogSettings, process: MakeCache
) -> None:
    process()
    hurried = settings.model_copy(update={"valkey_seconds": 0.1})
    rows, one = Rows(), Cache(Leases(hurried), SECONDS)
    try:
        with cache.frozen():
            start = time.monotonic()
            for _ in range(100):
                assert await one.product("A-1", rows.read) == product(1)
            assert time.monotonic() - start < 1
        await asyncio.sleep(1.1)
        skus = [f"B-{number}" for number in range(50)]

        async def read(sku: str) -> Product | None:
            return product(1, sku)

        for _ in range(2):
            found = await asyncio.gather(*(one.product(sku, partial(read, sku)) for sku in skus))
            assert found == [product(1, sku) for sku in skus], "no answer is taken for another question's"
    finally:
        await one.close()


async def test_change_that_valkey_does_not_hear_of_is_told_later(
    cache: CacheServer, settings: CatalogSettings, process: MakeCache
) -> None:
    rows, other = Rows(1), process()
    one = Cache(Leases(settings.model_copy(update={"valkey_seconds": 0.1})), SECONDS)
    try:
        await other.product("A-1", rows.read)
        rows.price = 2
        async with cache.client() as client:
            await client.config_set("maxclients", 1)  # it knows `other` already, and lets nobody new in
            await one.invalidate("A-1")
            assert await other.product("A-1", rows.read) == product(1), "it was not told yet"
            await client.config_set("maxclients", 1000)
        async with asyncio.timeout(5):
            while await other.product("A-1", rows.read) != product(2):
                await asyncio.sleep(0.05)
    finally:
        await one.close()


async def test_login_may_do_what_the_cache_needs_and_no_more(settings: CatalogSettings) -> None:
    leases = Leases(settings)
    try:
        assert await leases.look("catalog:mine", "token", 1) is Turn.MINE
        for command in ("KEYS *", "FLUSHALL", "CONFIG GET *", "CLIENT LIST", "GET other:key"):
            with pytest.raises(NoPermissionError):
                await leases._valkey.execute_command(*command.split())  # type: ignore[no-untyped-call]
        with pytest.raises(CacheUnavailableError):
            await leases.look("other:key", "token", 1)
    finally:
        await leases.close()


async def test_without_a_server_set_it_reads_straight() -> None:
    rows, straight = Rows(), Cache(None, SECONDS)
    for _ in range(2):
        assert await straight.product("A-1", rows.read) == product(1)
        assert (await straight.page(1, 20, rows.page)).total == 1
    await straight.invalidate("A-1")
    await straight.close()
    assert rows.reads == 4
