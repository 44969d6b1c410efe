"""The notifications on a NATS server of the tests' own, with an empty folder."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, Running, running
from blueprint_testing.nats import PASSWORD, Nats, nats_server
from disks import Disk, small_disk

from app.confirmations import CONSUMER, STREAM
from app.main import create
from app.settings import NotificationsSettings
from blueprint_kit import broker as kit_broker
from blueprint_kit import consuming, deliveries
from blueprint_kit.settings import load_settings

Settings = Callable[..., NotificationsSettings]


@pytest.fixture(scope="session")
def server() -> Iterator[Nats]:
    """A server that a test may stop, if it starts it again."""
    with nats_server("notifications") as server:
        yield server


@pytest.fixture
async def broker(server: Nats, monkeypatch: pytest.MonkeyPatch) -> Nats:
    """The server with empty streams, and the consumer; nobody pauses long."""
    monkeypatch.setattr(consuming, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(deliveries, "BACKOFF_MOST_SECONDS", 0.1)
    monkeypatch.setattr(kit_broker, "BACKOFF_MOST_SECONDS", 0.1)
    await server.new_stream(STREAM, "orders.>")
    await server.new_stream("DEAD_LETTERS", "dead.>")
    await server.new_consumer(STREAM, CONSUMER, "orders.confirmed", ack_wait=1)
    return server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the receipts."""
    folder = tmp_path / "receipts"
    folder.mkdir()
    return folder


@pytest.fixture
def disk() -> Iterator[Disk]:
    """A folder that can be full or read-only."""
    with small_disk() as disk:
        yield disk


@pytest.fixture
def settings(broker: Nats, tmp_path: Path, folder: Path) -> Settings:
    """The settings of a service at the broker; `given` adds to them."""

    def of(**given: Any) -> NotificationsSettings:
        address = broker.settings("notifications", tmp_path)
        return load_settings(NotificationsSettings, **{**LOCAL, **address, "receipts_folder": folder, **given})

    return of


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Running]:
    """The service."""
    made = settings()
    async with running(create(made), made) as service:
        yield service


@pytest.fixture
async def alone(tmp_path: Path, folder: Path) -> AsyncIterator[Running]:
    """A service whose broker is not there; it needs no NATS."""
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    address = {"nats_url": "nats://127.0.0.1:1", "nats_password_file": file}
    without = load_settings(NotificationsSettings, **LOCAL, **address, receipts_folder=folder)
    async with running(create(without), without) as service:
        yield service


@pytest.fixture
async def client(alone: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that."""
    async with alone.client() as client:
        yield client
