"""The catalog, with and without a PostgreSQL server of the tests' own."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, reserved_port, running
from blueprint_testing.postgres import PASSWORD, Postgres, postgres_server
from cache_server import CacheServer, cache_server

from app.main import create
from app.migrate import MIGRATIONS
from app.settings import CatalogSettings
from blueprint_kit.migrations import migrate
from blueprint_kit.settings import load_settings

Settings = Callable[..., CatalogSettings]


@pytest.fixture(scope="session")
def cache() -> Iterator[CacheServer]:
    """A server that a test may stop, if it starts it again."""
    with cache_server() as server:
        yield server


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A server that a test may stop, if it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose password's file exists; `given` adds to them."""

    def of(port: int, database: str = "catalog", **given: Any) -> CatalogSettings:
        file = tmp_path_factory.mktemp("secrets") / "password"
        file.write_text(PASSWORD + "\n")
        address = {"postgres_host": LOOPBACK, "postgres_port": port, "postgres_password_file": file}
        login = {"postgres_database": database, "postgres_user": database}
        return load_settings(CatalogSettings, **LOCAL, **address, **login, **given)

    return of


@pytest.fixture
async def empty(server: Postgres, settings: Settings) -> CatalogSettings:
    """The settings of a catalog whose database is new and empty."""
    return settings(server.port, await server.new_database("catalog"), migrate_seconds=20)


@pytest.fixture(scope="module")
async def migrated(server: Postgres, settings: Settings) -> CatalogSettings:
    """The settings of a catalog whose database is at the newest revision."""
    made = settings(server.port, await server.new_database("catalog"))
    await migrate(made, MIGRATIONS)
    return made


@pytest.fixture(scope="module")
async def service(migrated: CatalogSettings) -> AsyncIterator[Running]:
    """The catalog with its first products."""
    async with running(create(migrated), migrated) as service:
        yield service


@pytest.fixture(scope="module")
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the catalog with its first products."""
    async with service.client() as client:
        yield client


@pytest.fixture(scope="module")
async def alone(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a catalog that has no server to ask; it needs no PostgreSQL."""
    with reserved_port() as port:
        without = settings(port)
        async with running(create(without), without) as service, service.client() as client:
            yield client
