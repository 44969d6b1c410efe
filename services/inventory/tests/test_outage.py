"""A database that is not there, or goes away in the midst of changes: nothing is lost, and nothing done twice."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import httpx
from blueprint_testing import eventually, is_problem, running
from blueprint_testing.postgres import Postgres
from ledger import FIRST, Account, Ledger

from app.main import create
from app.migrate import MIGRATIONS
from app.settings import InventorySettings
from blueprint_kit.migrations import migrate

MUG = "KIT-MUG-01"
LINES = {"items": [{"sku": MUG, "quantity": 1}]}
ORDERS = 60


async def test_without_a_server_it_lives_and_is_not_ready(alone: httpx.AsyncClient) -> None:
    assert (await alone.get("/livez")).status_code == 200, "a restart would not mend the database"
    assert is_problem(await alone.get("/readyz"), 503, "not-ready")["checks"]["database"]["error"]
    order = f"/reservations/{uuid4()}"
    asked = [alone.get("/inventory"), alone.put(order, json=LINES), alone.post(order + "/release")]
    for response in await asyncio.gather(*asked):
        is_problem(response, 503, "database-unavailable")
        assert response.headers["retry-after"] == "1"


async def until_done(ask: Callable[[], Coroutine[Any, Any, httpx.Response]]) -> int:
    """Ask as the orders service does, again while it is told 503; how often it was."""
    for refusals in range(1000):
        response = await ask()
        if response.status_code == 200:
            return refusals
        is_problem(response, 503, "database-unavailable")
        await asyncio.sleep(0.05)
    raise AssertionError("it never answered")


async def sell(client: httpx.AsyncClient) -> int:
    """Reserve and commit for one order; how often each was refused."""
    order = f"/reservations/{uuid4()}"
    refusals = await until_done(lambda: client.put(order, json=LINES))
    return refusals + await until_done(lambda: client.post(order + "/commit"))


async def test_server_that_crashes_in_the_midst_of_sales(server: Postgres, empty: InventorySettings) -> None:
    """Some crash between the commit and its answer: asked again they must find what they did."""
    await migrate(empty, MIGRATIONS)
    ledger = Ledger(server, empty.postgres_database, dict(FIRST))
    async with running(create(empty), empty) as service, service.client() as client:
        client.timeout = httpx.Timeout(20)
        sales = [asyncio.create_task(sell(client)) for _ in range(ORDERS)]

        async def some_are_sold() -> bool:
            return (await ledger.balance())[MUG].committed > 0

        await eventually(some_are_sold)
        await asyncio.to_thread(server.crash)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(server.start)
        refusals = sum(await asyncio.gather(*sales))
        assert refusals > 0, "the crash was in their midst"
        sold = Account(available=FIRST[MUG] - ORDERS, reserved=0, committed=ORDERS, delivered=0)
        assert (await ledger.balance())[MUG] == sold


async def break_connections(server: Postgres, database: str) -> int:
    """End all connections to the database from the server's side; how many were at work."""
    end = "SELECT state, pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    async with server.administrator() as administrator:
        ended = await administrator.fetch(end, database)
    return sum(row["state"] != "idle" for row in ended)


async def test_broken_connections_fail_no_request(server: Postgres, empty: InventorySettings) -> None:
    """Not even those that were at work: whether they were committed or not, they are done again."""
    await migrate(empty, MIGRATIONS)
    ledger = Ledger(server, empty.postgres_database, dict(FIRST))
    async with running(create(empty), empty) as service, service.client() as client:
        at_work, sold = 0, 0
        while at_work == 0:
            sales = [asyncio.create_task(sell(client)) for _ in range(10)]
            await asyncio.sleep(0.05)
            at_work += await break_connections(server, empty.postgres_database)
            assert await asyncio.gather(*sales) == [0] * 10
            sold += 10
        assert (await ledger.balance())[MUG] == Account(FIRST[MUG] - sold, 0, sold, 0)
