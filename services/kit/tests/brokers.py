"""What the tests of messages share: events, and a process that handles them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from blueprint_testing import LOCAL, eventually
from blueprint_testing.nats import Nats
from prometheus_client import REGISTRY

from blueprint_kit import broker as kit_broker
from blueprint_kit import consuming, deliveries
from blueprint_kit.messages import Event, Messages, MessagesSettings
from blueprint_kit.settings import load_settings

USER = "sample"
STREAM, CONSUMER, DEAD = "ORDERS", "saga", "DEAD_LETTERS"

Handle = Callable[[Event], Awaitable[None]]


def new_event(**data: int) -> Event:
    return Event(
        id=uuid4(), type="orders.placed", at=datetime.now(UTC), order_id=uuid4(), request_id="request-1", data={**data}
    )


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all pauses short."""
    monkeypatch.setattr(consuming, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(consuming, "PULL_SECONDS", 0.5)
    monkeypatch.setattr(deliveries, "BACKOFF_MOST_SECONDS", 0.1)
    monkeypatch.setattr(kit_broker, "BACKOFF_MOST_SECONDS", 0.1)
    monkeypatch.setattr(kit_broker, "LOOK_SECONDS", 0.2)


def settings_of(broker: Nats, secrets: Path, seconds: float = 3) -> MessagesSettings:
    given = broker.settings(USER, secrets)
    return load_settings(MessagesSettings, service_name=USER, **LOCAL, **given, nats_seconds=seconds)


@contextlib.asynccontextmanager
async def opened(settings: MessagesSettings) -> AsyncIterator[Messages]:
    messages = Messages(settings)
    await messages.open()
    try:
        yield messages
    finally:
        await messages.close()


@contextlib.asynccontextmanager
async def consuming_with(messages: Messages, handle: Handle, **given: int) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(messages.consume(STREAM, CONSUMER, handle, **given))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None


class Handled:
    """A handler that remembers."""

    def __init__(self) -> None:
        self.times = Counter[UUID]()

    async def __call__(self, event: Event) -> None:
        self.times[event.id] += 1

    async def all_of(self, events: list[Event], seconds: float = 20) -> None:
        """Wait until each of the events was handled."""

        async def there() -> bool:
            return {event.id for event in events} <= set(self.times)

        await eventually(there, seconds=seconds)


def counted(outcome: str) -> float:
    """How many messages had this outcome so far."""
    labels = {"consumer": CONSUMER, "outcome": outcome}
    return REGISTRY.get_sample_value("messages_consumed_total", labels) or 0.0


async def settled(broker: Nats, seconds: float = 10) -> None:
    """Wait until the server knows that all messages are done with."""

    async def done() -> bool:
        return await broker.unacknowledged(STREAM, CONSUMER) == 0

    await eventually(done, seconds=seconds)


async def dead_letters(broker: Nats) -> list[tuple[bytes, dict[str, str]]]:
    """The bodies and headers of the dead letters."""
    found = []
    async with broker.jetstream() as jetstream:
        last = (await jetstream.stream_info(DEAD)).state.last_seq
        for number in range(1, last + 1):
            message = await jetstream.get_msg(DEAD, number)
            assert message.subject == f"dead.{CONSUMER}"
            found.append((message.data or b"", message.headers or {}))
    return found
