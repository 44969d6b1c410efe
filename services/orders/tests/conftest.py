"""The orders service on a PostgreSQL server of the tests' own, among peers that the tests can make misbehave."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, reserved_port, running
from blueprint_testing.postgres import Postgres, postgres_server
from peers import Peers, peers_server
from rig import Broker, Replica, replica

from app.main import create
from app.migrate import MIGRATIONS
from app.settings import OrdersSettings
from blueprint_kit.migrations import migrate
from blueprint_kit.settings import load_settings

TABLES = "outbox, idempotency_keys, order_history, order_items, orders"
Settings = Callable[..., OrdersSettings]


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A server that a test may stop, if it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def refusing() -> Iterator[int]:
    """A port that refuses connections."""
    with ExitStack() as held:
        yield held.enter_context(reserved_port())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, refusing: int) -> Settings:
    """Settings whose files exist, and whose peers and broker are not there unless `given` says so."""
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "nats").write_text("tests-only\n")

    def of(**given: Any) -> OrdersSettings:
        (secrets / "postgres").write_text("tests-only\n")
        nowhere = {f"{name}_url": f"http://{LOOPBACK}:{refusing}" for name in ("catalog", "inventory", "payments")}
        broker = {"nats_url": f"nats://{LOOPBACK}:{refusing}", "nats_password_file": secrets / "nats"}
        login = {"postgres_host": LOOPBACK, "postgres_port": refusing, "postgres_password_file": secrets / "postgres"}
        return load_settings(OrdersSettings, **{**LOCAL, **nowhere, **broker, **login, **given})

    return of


@pytest.fixture(scope="module")
async def migrated(server: Postgres, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings of a database at the newest revision."""
    given = server.settings(await server.new_database("orders"), tmp_path_factory.mktemp("secrets"))
    await migrate(settings(**given), MIGRATIONS)
    return given


@pytest.fixture
async def emptied(server: Postgres, migrated: dict[str, Any]) -> dict[str, Any]:
    """The same database, without any order."""
    async with server.administrator(migrated["postgres_database"]) as administrator:
        await administrator.execute(f"TRUNCATE {TABLES}")
    return migrated


@pytest.fixture(scope="module")
async def peers_of_module() -> AsyncIterator[Peers]:
    """The other services."""
    async with peers_server() as peers:
        yield peers


@pytest.fixture
def peers(peers_of_module: Peers) -> Peers:
    """The other services, as at their beginning."""
    peers_of_module.reset()
    return peers_of_module


@pytest.fixture
def broker() -> Broker:
    """What the relay publishes to where no real broker is needed."""
    return Broker()


@pytest.fixture
async def shop(
    settings: Settings, emptied: dict[str, Any], peers: Peers, broker: Broker
) -> AsyncIterator[Callable[..., Replica]]:
    """Makes replicas of the service that share a database, the peers and the broker."""
    made: list[Replica] = []

    def make(**given: Any) -> Replica:
        made.append(replica(settings(**emptied), peers, broker, **given))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture(scope="module")
async def service(settings: Settings, migrated: dict[str, Any], peers_of_module: Peers) -> AsyncIterator[Running]:
    """The service with its database and its peers, and without a broker."""
    made = settings(**migrated, **urls(peers_of_module), nats_seconds=0.1)
    async with running(create(made), made) as service:
        yield service


@pytest.fixture
async def client(service: Running, emptied: dict[str, Any], peers: Peers) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service, which has no orders yet."""
    async with service.client() as client:
        yield client


def urls(peers: Peers) -> dict[str, str]:
    """The settings of a service among these peers."""
    return dict.fromkeys(("catalog_url", "inventory_url", "payments_url"), peers.url)
