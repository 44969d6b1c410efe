"""The catalog with its cache, as two processes of it: both stores are real, and the cache is lost at the worst time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from blueprint_testing import Running, eventually, running
from cache_server import CacheServer

import app.cache
from app.main import create
from app.settings import CatalogSettings
from blueprint_kit.postgres import Database

SKU = "KIT-MUG-01"
OUTCOMES = ("hit", "waited", "miss", "unavailable")


class Pair(NamedTuple):
    """Two processes of the catalog, with one database and one cache."""

    one: Running
    other: Running
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers wait for each other as long as a busy machine may need."""
    monkeypatch.setattr(app.cache, "WAIT_SECONDS", 10)


@pytest.fixture
async def cached(migrated: CatalogSettings, cache: CacheServer, tmp_path: Path) -> AsyncIterator[CatalogSettings]:
    async with cache.client() as client:
        await client.flushall()
    yield migrated.model_copy(update=cache.settings(tmp_path))


@pytest.fixture
async def pair(cached: CatalogSettings) -> AsyncIterator[Pair]:
    async with contextlib.AsyncExitStack() as stack:
        services = [await stack.enter_async_context(running(create(cached), cached)) for _ in range(2)]
        clients = [await stack.enter_async_context(service.client()) for service in services]
        yield Pair(services[0], services[1], (clients[0], clients[1]))


def counted(service: Running) -> list[None]:
    """Grows by one with each read of the service's database."""
    database: Database = service.app.state.database
    reads: list[None] = []
    read = database.read

    async def counting(*given: object) -> object:
        reads.append(None)
        return await read(*given)  # type: ignore[arg-type]

    database.read = counting  # type: ignore[method-assign, assignment]
    return reads


async def price(client: httpx.AsyncClient, sku: str = SKU) -> str:
    answer = await client.get(f"/products/{sku}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["price"]["amount"])


async def change(client: httpx.AsyncClient, amount: str, sku: str = SKU) -> None:
    answer = await client.patch(f"/products/{sku}", json={"price": {"amount": amount, "currency": "EUR"}})
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("patient")
async def test_fifty_requests_for_a_cold_product_read_the_database_once(pair: Pair) -> None:
    reads = [counted(pair.one), counted(pair.other)]
    before = {outcome: await pair.one.metric(f'cache_requests_total{{outcome="{outcome}"}}') for outcome in OUTCOMES}
    answers = await asyncio.gather(*(client.get(f"/products/{SKU}") for client in pair.clients for _ in range(25)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum(map(len, reads)) == 1
    after = {outcome: await pair.one.metric(f'cache_requests_total{{outcome="{outcome}"}}') for outcome in OUTCOMES}
    grown = {outcome: after[outcome] - before[outcome] for outcome in OUTCOMES}
    assert (grown["miss"], grown["unavailable"], grown["hit"] + grown["waited"]) == (1, 0, 49)


async def test_what_is_kept_is_answered_as_what_was_read(pair: Pair) -> None:
    for path in (f"/products/{SKU}", "/products?page=2&size=7"):
        cold, warm = [await client.get(path) for client in pair.clients]
        assert (cold.status_code, cold.content) == (warm.status_code, warm.content)


async def test_answer_after_a_change_is_never_older_than_it(pair: Pair) -> None:
    """While readers of both processes fill what each change drops."""
    one, other = pair.clients
    stop = asyncio.Event()

    async def reader(client: httpx.AsyncClient) -> None:
        while not stop.is_set():
            await price(client)
            await client.get("/products?size=5")

    readers = [asyncio.create_task(reader(client)) for client in pair.clients for _ in range(3)]
    try:
        for number in range(100, 110):
            await change(one if number % 2 else other, f"{number}.00")
            listed = (await other.get("/products?size=100")).json()["items"]
            shown = [await price(one), await price(other)]
            shown += [item["price"]["amount"] for item in listed if item["sku"] == SKU]
            assert shown == [f"{number}.00"] * 3
    finally:
        stop.set()
        await asyncio.gather(*readers)


async def test_cache_that_is_killed_under_load_fails_no_request(pair: Pair, cache: CacheServer) -> None:
    statuses: list[int] = []
    stop = asyncio.Event()

    async def reader(client: httpx.AsyncClient) -> None:
        while not stop.is_set():
            for path in (f"/products/{SKU}", "/products?size=5"):
                statuses.append((await client.get(path)).status_code)

    async def more() -> bool:
        return len(statuses) > wanted

    readers = [asyncio.create_task(reader(client)) for client in pair.clients for _ in range(5)]
    for act in (None, cache.kill, cache.start):
        if act is not None:
            await asyncio.to_thread(act)
        wanted = len(statuses) + 50
        await eventually(more)
    stop.set()
    await asyncio.gather(*readers)
    assert set(statuses) == {200}


async def test_catalog_starts_and_is_ready_without_its_cache(cached: CatalogSettings, cache: CacheServer) -> None:
    cache.kill()
    try:
        async with running(create(cached), cached) as service, service.client() as client:
            assert (await client.get("/readyz")).status_code == 200
            await change(client, "7.00")
            assert await price(client) == "7.00"
    finally:
        cache.start()
