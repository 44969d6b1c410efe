"""A NATS server of the tests' own, without streams, and the settings of the program."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import LOCAL
from blueprint_testing.nats import Nats, nats_server

from app import applying
from app.settings import StreamsSettings
from blueprint_kit import broker as kit_broker
from blueprint_kit.settings import load_settings

Settings = Callable[..., StreamsSettings]


@pytest.fixture(scope="session")
def server() -> Iterator[Nats]:
    """A server that a test may stop, if it starts it again."""
    with nats_server("streams") as server:
        yield server


@pytest.fixture
async def broker(server: Nats, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nats]:
    """The server; its streams are gone after the test."""
    monkeypatch.setattr(kit_broker, "BACKOFF_MOST_SECONDS", 0.1)
    monkeypatch.setattr(applying, "PAUSE_SECONDS", 0.1)
    yield server
    async with server.jetstream() as jetstream:
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(stream.config.name or "")


@pytest.fixture
def settings(server: Nats, tmp_path: Path) -> Settings:
    """Settings of the program at the server; `given` adds to them."""

    def of(**given: Any) -> StreamsSettings:
        address = server.settings("streams", tmp_path)
        return load_settings(
            StreamsSettings, **{**LOCAL, **address, "streams_file": tmp_path / "streams.yaml", **given}
        )

    return of
