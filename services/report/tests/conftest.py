"""A folder of the report's own, and a NATS server of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from blueprint_testing.nats import Nats, nats_server

from app.counting import STREAM
from blueprint_kit import broker as kit_broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the report."""
    folder = tmp_path / "report"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Nats]:
    """A server that a test may stop, if it starts it again."""
    with nats_server("report") as server:
        yield server


@pytest.fixture
async def broker(server: Nats, monkeypatch: pytest.MonkeyPatch) -> Nats:
    """The server with an empty stream."""
    monkeypatch.setattr(kit_broker, "BACKOFF_MOST_SECONDS", 0.1)
    await server.new_stream(STREAM, "orders.>", duplicate_seconds=0.1)
    return server
