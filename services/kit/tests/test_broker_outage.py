"""A broker that is killed while events are published and handled: none is lost, and none is in the stream twice."""

import asyncio
from asyncio import timeout
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blueprint_testing.nats import Nats, nats_server
from brokers import (
    CONSUMER,
    DEAD,
    STREAM,
    USER,
    Handled,
    consuming_with,
    dead_letters,
    hurry,
    new_event,
    opened,
    settings_of,
    settled,
)

from blueprint_kit.messages import Event, Messages, MessagesUnavailable

EVENTS, KILLS = 400, 4


@pytest.fixture(scope="module")
def broker() -> Iterator[Nats]:
    with nats_server(USER) as broker:
        yield broker


@pytest.fixture
async def messages(broker: Nats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Messages]:
    hurry(monkeypatch)
    await broker.new_stream(STREAM, "orders.>")
    await broker.new_stream(DEAD, "dead.>")
    await broker.new_consumer(STREAM, CONSUMER, "orders.placed", ack_wait=1)
    async with opened(settings_of(broker, tmp_path, seconds=1)) as messages:
        yield messages


async def published(messages: Messages, event: Event) -> None:
    """Publish as an outbox does: again, until it is confirmed."""
    while True:
        try:
            return await messages.publish(event)
        except MessagesUnavailable:
            await asyncio.sleep(0.05)


async def test_no_event_is_lost_or_doubled_while_the_broker_is_killed_again_and_again(
    broker: Nats, messages: Messages, tmp_path: Path
) -> None:
    events, handled = [new_event(number=number) for number in range(EVENTS)], Handled()

    async def handle(event: Event) -> None:
        await asyncio.sleep(0.005)
        await handled(event)

    async def publish_all() -> None:
        for event in events:
            await published(messages, event)
            await asyncio.sleep(0.004)

    async with opened(settings_of(broker, tmp_path, seconds=1)) as others, consuming_with(others, handle), timeout(60):
        publishing = asyncio.create_task(publish_all())
        for kill in range(1, KILLS + 1):
            while handled.times.total() < kill * EVENTS / (KILLS + 2):
                await asyncio.sleep(0.01)
            async with broker.killed():
                await asyncio.sleep(0.1)
        assert not publishing.done(), "the last kill came too late to prove anything"
        await publishing
        await handled.all_of(events)
        await settled(broker)
    stored = [event async for _, event in messages.read_from(STREAM, "orders.placed", 1)]
    assert sorted(event.id for event in stored if event) == sorted(event.id for event in events)
    assert set(handled.times) == {event.id for event in events}
    assert await dead_letters(broker) == []


async def test_event_whose_confirmation_was_lost_is_there_once(broker: Nats, messages: Messages) -> None:
    """The server stops after it has the event, and before it says so."""
    event = new_event()
    await published(messages, new_event())
    async with broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", event.encode(), headers={"Nats-Msg-Id": str(event.id)})
    async with broker.killed():
        with pytest.raises(MessagesUnavailable):
            await messages.publish(event)
    await published(messages, event)
    assert len([number async for number, _ in messages.read_from(STREAM, "orders.placed", 1)]) == 2


async def test_work_that_outlives_the_broker_is_answered_on_the_next_connection(
    broker: Nats, messages: Messages
) -> None:
    async with broker.jetstream() as jetstream:
        await jetstream.delete_consumer(STREAM, CONSUMER)
    await broker.new_consumer(STREAM, CONSUMER, "orders.placed", ack_wait=30)
    event, begun, may_end, handled = new_event(), asyncio.Event(), asyncio.Event(), Handled()

    async def handle(given: Event) -> None:
        begun.set()
        await may_end.wait()
        await handled(given)

    await messages.publish(event)
    async with consuming_with(messages, handle):
        await begun.wait()
        async with broker.killed():
            may_end.set()
            await handled.all_of([event])
            await asyncio.sleep(1.2)  # longer than one answer is waited for
        await settled(broker, seconds=5)
    assert handled.times == {event.id: 1}


async def test_message_of_a_process_that_died_is_handled_by_another(broker: Nats, messages: Messages) -> None:
    event, handled = new_event(), Handled()
    await messages.publish(event)
    async with broker.jetstream() as jetstream:
        dying = await jetstream.pull_subscribe_bind(CONSUMER, STREAM)
        (taken,) = await dying.fetch(1)
        assert taken.data == event.encode()
    async with consuming_with(messages, handled):
        await handled.all_of([event], seconds=5)
        await settled(broker)


async def test_no_broker_at_the_start(broker: Nats, tmp_path: Path, messages: Messages) -> None:
    event, handled = new_event(), Handled()
    await messages.publish(event)
    async with broker.killed():
        async with opened(settings_of(broker, tmp_path, seconds=1)) as others, consuming_with(others, handled) as task:
            await asyncio.sleep(0.3)
            assert not task.done()
            await asyncio.to_thread(broker.start)
            await handled.all_of([event])
            await settled(broker)
        await asyncio.to_thread(broker.kill)


async def test_it_stops_while_the_broker_is_down(broker: Nats, messages: Messages) -> None:
    handled = Handled()
    async with broker.killed(), timeout(5), consuming_with(messages, handled):
        await asyncio.sleep(0.2)


async def test_who_waits_for_a_confirmation_is_told_at_once_that_the_connection_is_lost(
    broker: Nats, messages: Messages, tmp_path: Path
) -> None:
    """Not after the time that an answer may take, which is half a minute here."""
    async with opened(settings_of(broker, tmp_path, seconds=30)) as patient:
        await published(patient, new_event())
        with broker.silent():
            publishing = asyncio.create_task(patient.publish(new_event()))
            await asyncio.sleep(0.1)
            assert not publishing.done()
            await asyncio.to_thread(broker.kill)
            with pytest.raises(MessagesUnavailable):
                await asyncio.wait_for(publishing, 5)
        await asyncio.to_thread(broker.start)
