"""A database that is not there, goes away and comes back, and a password that changes."""

import asyncio
from contextlib import AsyncExitStack

import httpx
from blueprint_testing import eventually, is_problem, running
from blueprint_testing.postgres import Postgres

from app.main import create
from app.migrate import MIGRATIONS
from app.settings import CatalogSettings
from blueprint_kit.migrations import migrate


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
    await migrate(empty, MIGRATIONS)
    async with AsyncExitStack() as service_and_client:
        async with server.stopped():
            service = await service_and_client.enter_async_context(running(create(empty), empty))
            client = await service_and_client.enter_async_context(service.client())
            await is_away(client)
        await is_back(client)


async def test_database_that_goes_away_and_comes_back(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty, MIGRATIONS)
    async with running(create(empty), empty) as service, service.client() as client:
        await is_back(client)
        async with server.stopped():
            await is_away(client)
        await is_back(client)


async def test_broken_connections_fail_no_request(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty, MIGRATIONS)
    async with running(create(empty), empty) as service, service.client() as client:
        await is_back(client)
        for _ in range(3):
            await server.break_connections(empty.postgres_database)
            answers = await asyncio.gather(*(client.get("/products") for _ in range(10)))
            assert {answer.status_code for answer in answers} == {200}


async def test_changed_password_takes_effect_with_the_next_connection(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty, MIGRATIONS)
    login = empty.postgres_user
    async with running(create(empty), empty) as service, service.client() as client:
        await is_back(client)
        async with server.administrator() as administrator:
            await administrator.execute(f"ALTER ROLE {login} PASSWORD 'changed'")
        await server.break_connections(empty.postgres_database)
        await is_away(client)
        empty.postgres_password_file.write_text("changed\n")
        await is_back(client)
