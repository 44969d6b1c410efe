"""The inventory on a PostgreSQL server of the tests' own, and without one."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, reserved_port, running
from blueprint_testing.postgres import PASSWORD, Postgres, postgres_server
from ledger import FIRST, Ledger

from app.main import create
from app.migrate import MIGRATIONS
from app.settings import InventorySettings
from blueprint_kit.migrations import migrate
from blueprint_kit.settings import load_settings

Settings = Callable[..., InventorySettings]


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A server that a test may stop, if it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def settings(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a database of the server; `given` adds to them."""

    def of(database: str, **given: Any) -> InventorySettings:
        address = server.settings(database, tmp_path_factory.mktemp("secrets"))
        return load_settings(InventorySettings, **{**LOCAL, **address, **given})

    return of


@pytest.fixture
async def empty(server: Postgres, settings: Settings) -> InventorySettings:
    """The settings of an inventory whose database is new and empty."""
    return settings(await server.new_database("inventory"), migrate_seconds=20)


@pytest.fixture(scope="module")
async def migrated(server: Postgres, settings: Settings) -> InventorySettings:
    """The settings of an inventory whose database is at the newest revision."""
    made = settings(await server.new_database("inventory"))
    await migrate(made, MIGRATIONS)
    return made


@pytest.fixture
async def ledger(server: Postgres, migrated: InventorySettings) -> Ledger:
    """The books of that database, which has its first stock again."""
    ledger = Ledger(server, migrated.postgres_database, dict(FIRST))
    await ledger.clear()
    return ledger


@pytest.fixture(scope="module")
async def service(migrated: InventorySettings) -> AsyncIterator[Running]:
    """The inventory."""
    async with running(create(migrated), migrated) as service:
        yield service


@pytest.fixture(scope="module")
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with service.client() as client:
        yield client


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an inventory that has no server to ask; it needs no PostgreSQL."""
    file = tmp_path_factory.mktemp("secrets") / "password"
    file.write_text(PASSWORD)
    with reserved_port() as port:
        address = {"postgres_host": LOOPBACK, "postgres_port": port, "postgres_password_file": file}
        without = load_settings(InventorySettings, **LOCAL, **address)
        async with running(create(without), without) as service, service.client() as client:
            yield client
