"""Publishing, checking and reading, on a real NATS server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from blueprint_testing import eventually
from blueprint_testing.nats import Nats, nats_server
from brokers import STREAM, USER, hurry, new_event, opened, settings_of
from prometheus_client import REGISTRY

from blueprint_kit.messages import Event, Messages, MessagesSettings, MessagesUnavailable, NotDeclared
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(scope="module")
def broker() -> Iterator[Nats]:
    with nats_server(USER) as broker:
        yield broker


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


@pytest.fixture
async def settings(broker: Nats, tmp_path: Path) -> MessagesSettings:
    await broker.new_stream(STREAM, "orders.>")
    return settings_of(broker, tmp_path, seconds=1)


async def read(messages: Messages, sequence: int = 1, subject: str = "orders.>") -> list[tuple[int, Event | None]]:
    return [item async for item in messages.read_from(STREAM, subject, sequence)]


async def is_there(messages: Messages) -> None:
    async def holds() -> bool:
        try:
            await messages.check()
        except MessagesUnavailable:
            return False
        return True

    await eventually(holds)


async def is_lost() -> None:
    async def holds() -> bool:
        return REGISTRY.get_sample_value("messages_connected") == 0

    await eventually(holds)


async def test_published_event_is_in_the_stream(settings: MessagesSettings) -> None:
    event = new_event(quantity=3)
    async with opened(settings) as messages:
        await messages.publish(event)
        assert await read(messages) == [(1, event)]


async def test_event_that_is_published_again_is_there_once(settings: MessagesSettings) -> None:
    event = new_event()
    async with opened(settings) as messages:
        await messages.publish(event)
        await messages.publish(event)
        await messages.publish(new_event())
        assert [number for number, _ in await read(messages)] == [1, 2]


async def test_without_a_stream_nothing_is_published(broker: Nats, settings: MessagesSettings) -> None:
    async with broker.jetstream() as jetstream:
        await jetstream.delete_stream(STREAM)
    async with opened(settings) as messages:
        with pytest.raises(MessagesUnavailable):
            await messages.publish(new_event())
        with pytest.raises(NotDeclared):
            await read(messages)


async def test_reading_begins_where_told_and_ends_with_what_was_there(settings: MessagesSettings) -> None:
    events = [new_event() for _ in range(5)]
    async with opened(settings) as messages:
        for event in events:
            await messages.publish(event)
        found = []
        async for item in messages.read_from(STREAM, "orders.placed", 3):
            found.append(item)
            await messages.publish(new_event())
        assert found == [(3, events[2]), (4, events[3]), (5, events[4])]
        assert await read(messages, 99) == []


async def test_reading_ends_where_the_stream_ended_with_another_subject(settings: MessagesSettings) -> None:
    event, other = new_event(), new_event().model_copy(update={"type": "orders.paid"})
    async with opened(settings) as messages:
        await messages.publish(event)
        await messages.publish(other)
        found = []
        async for item in messages.read_from(STREAM, "orders.placed", 1):
            found.append(item)
            await messages.publish(new_event())
        assert found == [(1, event)]


async def test_reading_skips_other_subjects_and_says_what_is_no_event(broker: Nats, settings: MessagesSettings) -> None:
    event = new_event()
    async with opened(settings) as messages, broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", b"not an event")
        await jetstream.publish("orders.paid", b"not asked for")
        await messages.publish(event)
        assert await read(messages, 1, "orders.placed") == [(1, None), (3, event)]
        assert await read(messages, 0, "orders.rejected") == []


async def test_reading_passes_what_is_deleted(broker: Nats, settings: MessagesSettings) -> None:
    async with opened(settings) as messages, broker.jetstream() as jetstream:
        for _ in range(3):
            await messages.publish(new_event())
        await jetstream.delete_msg(STREAM, 2)
        assert [number for number, _ in await read(messages)] == [1, 3]


async def test_no_server_at_the_start(broker: Nats, settings: MessagesSettings) -> None:
    async with broker.killed():
        messages = Messages(settings)
        await messages.open()
        with pytest.raises(MessagesUnavailable):
            await messages.check()
        with pytest.raises(MessagesUnavailable):
            await messages.publish(new_event())
    await is_there(messages)
    await messages.publish(new_event())
    await messages.close()


async def test_publishing_waits_a_little_for_a_server_that_restarts(broker: Nats, settings: MessagesSettings) -> None:
    async with opened(settings) as messages:
        await is_there(messages)
        await asyncio.to_thread(broker.kill)
        await is_lost()
        publishing = asyncio.create_task(messages.publish(new_event()))
        await asyncio.to_thread(broker.start)
        await publishing
        assert len(await read(messages)) == 1


async def test_server_that_says_nothing_is_noticed(broker: Nats, settings: MessagesSettings) -> None:
    """Nothing closes the connection: the test of a node that lost its power."""
    async with opened(settings) as messages:
        await is_there(messages)
        with broker.silent():
            with pytest.raises(MessagesUnavailable):
                await messages.publish(new_event())
            await is_lost()
        await is_there(messages)


async def test_wrong_password_is_tried_again_with_what_the_file_says_then(
    settings: MessagesSettings,
) -> None:
    password = settings.nats_password_file.read_text()
    settings.nats_password_file.write_text("wrong\n")
    async with opened(settings) as messages:
        with pytest.raises(MessagesUnavailable):
            await messages.publish(new_event())
        settings.nats_password_file.unlink()
        await asyncio.sleep(0.3)
        settings.nats_password_file.write_text(password)
        await is_there(messages)


async def test_closed_connection_is_not_made_again(settings: MessagesSettings) -> None:
    async with opened(settings) as messages:
        await is_there(messages)
    with pytest.raises(MessagesUnavailable):
        await messages.check()
    await messages.close()


async def test_what_was_never_opened_can_be_closed(settings: MessagesSettings) -> None:
    await Messages(settings).close()


def test_defaults_are_the_contract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in MessagesSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings = load_settings(MessagesSettings, service_name="orders", nats_password_file=tmp_path)
    assert (settings.nats_url, settings.nats_user) == ("nats://nats.data:4222", "orders")
    assert settings.nats_seconds == 3


@pytest.mark.parametrize("url", ["nats.data:4222", "http://nats.data", "nats://user:word@nats.data", ""])
def test_bad_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"NATS_URL='.*': String should match .*; set NATS_URL: where NATS is"):
        load_settings(MessagesSettings, service_name="orders", nats_password_file=tmp_path, nats_url=url)
