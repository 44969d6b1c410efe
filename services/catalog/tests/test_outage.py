"""A database that is not there, goes away and comes back, and a password that changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from blueprint_testing import eventually, is_problem, running
from postgres import Postgres
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database, DatabaseUnavailable
from app.main import create
from app.migrate import migrate
from app.settings import CatalogSettings


@asynccontextmanager
async def stopped(server: Postgres) -> AsyncIterator[None]:
    """The server is down in this block."""
    await asyncio.to_thread(server.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


async def is_away(client: httpx.AsyncClient) -> None:
    """The catalog lives, is not ready, and says so to whoever asks for products."""
    assert (await client.get("/livez")).status_code == 200, "a restart would not mend the database"
    checks = is_problem(await client.get("/readyz"), 503, "not-ready")["checks"]
    assert checks["database"]["error"]
    for path in ("/products", "/products/KIT-MUG-01"):
        response = await client.get(path)
        is_problem(response, 503, "database-unavailable")
        assert response.headers["retry-after"] == "1"


async def is_back(client: httpx.AsyncClient) -> None:
    """The catalog becomes ready, and then answers."""

    async def ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await eventually(ready)
    assert (await client.get("/products")).json()["total"] == 60


async def test_without_a_server_it_lives_and_is_not_ready(alone: httpx.AsyncClient) -> None:
    await is_away(alone)


async def test_database_that_is_down_at_the_start(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty)
    async with AsyncExitStack() as service_and_client:
        async with stopped(server):
            service = await service_and_client.enter_async_context(running(create(empty), empty))
            client = await service_and_client.enter_async_context(service.client())
            await is_away(client)
        await is_back(client)


async def test_database_that_goes_away_and_comes_back(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty)
    async with running(create(empty), empty) as service, service.client() as client:
        await is_back(client)
        async with stopped(server):
            await is_away(client)
        await is_back(client)


async def test_broken_connections_fail_no_request(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty)
    async with running(create(empty), empty) as service, service.client() as client:
        await is_back(client)
        for _ in range(3):
            await break_connections(server, empty.postgres_database)
            answers = await asyncio.gather(*(client.get("/products") for _ in range(10)))
            assert {answer.status_code for answer in answers} == {200}


async def test_changed_password_takes_effect_with_the_next_connection(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty)
    login = empty.postgres_user
    async with running(create(empty), empty) as service, service.client() as client:
        await is_back(client)
        async with server.administrator() as administrator:
            await administrator.execute(f"ALTER ROLE {login} PASSWORD 'changed'")
        await break_connections(server, empty.postgres_database)
        await is_away(client)
        empty.postgres_password_file.write_text("changed\n")
        await is_back(client)


async def test_read_that_loses_its_connection_runs_again_once(server: Postgres, empty: CatalogSettings) -> None:
    breaks, runs = [True, False, True, True], 0

    async def query(session: AsyncSession) -> int | None:
        nonlocal runs
        runs += 1
        found = await session.scalar(select(1))
        if breaks.pop(0):
            await break_connections(server, empty.postgres_database)
        return found if await session.scalar(select(1)) else None

    database = Database(empty)
    try:
        assert (await database.read(query), runs) == (1, 2)
        with pytest.raises(DatabaseUnavailable):
            await database.read(query)
        assert (breaks, runs) == ([], 4)
    finally:
        await database.close()


async def test_read_that_is_wrong_runs_once(empty: CatalogSettings) -> None:
    runs = 0

    async def query(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        await session.execute(text("SELECT * FROM no_such_table"))

    database = Database(empty)
    try:
        with pytest.raises(ProgrammingError, match="no_such_table"):
            await database.read(query)
        assert runs == 1
    finally:
        await database.close()


async def break_connections(server: Postgres, database: str) -> None:
    """End all connections to the database from the server's side, and return when they are gone."""
    theirs = "FROM pg_stat_activity WHERE datname = $1"
    async with server.administrator() as administrator:

        async def gone() -> bool:
            return bool(await administrator.fetchval(f"SELECT count(*) = 0 {theirs}", database))

        assert not await gone()
        await administrator.execute(f"SELECT pg_terminate_backend(pid) {theirs}", database)
        await eventually(gone)
