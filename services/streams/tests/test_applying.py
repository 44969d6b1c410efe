"""What the broker has afterwards, on a real one."""

import asyncio
from typing import Any

import pytest
from blueprint_testing.nats import Nats
from conftest import Settings
from declarations import CONSUMER, STREAM, declared

from app.applying import Applied, bring
from app.declared import Declared
from blueprint_kit.messages import MessagesUnavailable
from blueprint_kit.settings import SettingsError

TWO = Declared.model_validate(
    {"streams": [STREAM, STREAM | {"name": "DEAD_LETTERS", "subjects": ["dead.>"], "consumers": []}]}
)


async def state(broker: Nats) -> dict[str, Any]:
    """All that the broker says of its streams and consumers, but what it measures."""
    async with broker.jetstream() as jetstream:
        streams = {info.config.name or "": info for info in await jetstream.streams_info()}
        consumers = {name: await jetstream.consumers_info(name) for name in streams}
        return {
            name: (info.config, info.created, [(one.config, one.created) for one in consumers[name]])
            for name, info in streams.items()
        }


async def test_what_is_declared_is_made(broker: Nats, settings: Settings) -> None:
    assert await bring(settings(), TWO, 10) == Applied(created=3, updated=0, unchanged=0)
    async with broker.jetstream() as jetstream:
        stream = (await jetstream.stream_info("ORDERS")).config
        consumer = (await jetstream.consumer_info("ORDERS", "saga")).config
        assert (await jetstream.stream_info("DEAD_LETTERS")).state.consumer_count == 0
    assert (stream.subjects, stream.storage, stream.retention, stream.discard) == (
        ["orders.>"],
        "file",
        "limits",
        "old",
    )
    assert (stream.max_bytes, stream.max_age, stream.duplicate_window) == (1_048_576, 3600, 600)
    assert (consumer.durable_name, consumer.filter_subject, consumer.deliver_subject) == ("saga", "orders.placed", None)
    assert (consumer.ack_policy, consumer.ack_wait, consumer.max_deliver, consumer.max_ack_pending) == (
        "explicit",
        30,
        -1,
        256,
    )


async def test_second_run_changes_nothing(broker: Nats, settings: Settings) -> None:
    await bring(settings(), TWO, 10)
    before = await state(broker)
    assert await bring(settings(), TWO, 10) == Applied(created=0, updated=0, unchanged=3)
    assert await state(broker) == before


async def test_two_runs_at_once(broker: Nats, settings: Settings) -> None:
    await asyncio.gather(bring(settings(), TWO, 10), bring(settings(), TWO, 10))
    assert await bring(settings(), TWO, 10) == Applied(0, 0, 3)


@pytest.mark.parametrize(
    "change",
    [{"max_age": 7200}, {"max_bytes": 2_097_152}, {"duplicate_window": 60}, {"subjects": ["orders.>", "more.>"]}],
)
async def test_changed_stream_is_changed_in_place_and_keeps_its_messages(
    broker: Nats, settings: Settings, change: dict[str, Any]
) -> None:
    await bring(settings(), declared(), 10)
    async with broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", b"kept")
        assert await bring(settings(), declared(**change), 10) == Applied(created=0, updated=1, unchanged=1)
        info = await jetstream.stream_info("ORDERS")
        assert info.state.messages == 1
        for name, value in change.items():
            assert getattr(info.config, name) == value
        assert info.config.storage == "file"
    assert await bring(settings(), declared(**change), 10) == Applied(0, 0, 2)


@pytest.mark.parametrize(
    "change", [{"ack_wait": 60}, {"max_ack_pending": 10}, {"max_deliver": 5}, {"filter_subject": "orders.paid"}]
)
async def test_changed_consumer_is_changed_in_place_and_keeps_its_place(
    broker: Nats, settings: Settings, change: dict[str, Any]
) -> None:
    await bring(settings(), declared(), 10)
    async with broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", b"handled")
        subscription = await jetstream.pull_subscribe_bind("saga", "ORDERS")
        (message,) = await subscription.fetch(1, timeout=5)
        await message.ack_sync()
        before = await jetstream.consumer_info("ORDERS", "saga")
        assert await bring(settings(), declared(change), 10) == Applied(created=0, updated=1, unchanged=1)
        info = await jetstream.consumer_info("ORDERS", "saga")
    for name, value in change.items():
        assert getattr(info.config, name) == value
    assert info.created == before.created
    assert info.ack_floor is not None
    assert info.ack_floor.stream_seq == 1
    assert await bring(settings(), declared(change), 10) == Applied(0, 0, 2)


@pytest.mark.parametrize("change", [{"storage": "memory"}, {"retention": "workqueue"}])
async def test_what_cannot_be_changed_is_refused_and_nothing_else_is_changed(
    broker: Nats, settings: Settings, change: dict[str, Any]
) -> None:
    """Also not a stream that comes first in the file."""
    await bring(settings(), TWO, 10)
    before = await state(broker)
    first, second = ({**STREAM, "max_age": 7200}, {**TWO.streams[1].model_dump(), **change})
    with pytest.raises(SettingsError) as refused:
        await bring(settings(), Declared.model_validate({"streams": [first, second]}), 10)
    ((name, new),) = change.items()
    (refusal,) = refused.value.refusals
    assert refusal.value == f"{name}: {new!r}"
    assert refusal.rule == f"the stream DEAD_LETTERS has {STREAM[name]!r}, which cannot be changed"
    assert "delete the stream DEAD_LETTERS by hand" in refusal.remedy
    assert await state(broker) == before


async def test_what_the_broker_refuses_is_said_in_its_words(broker: Nats, settings: Settings) -> None:
    with pytest.raises(SettingsError) as refused:
        await bring(settings(), declared(max_bytes=1 << 40), 10)
    (refusal,) = refused.value.refusals
    assert refusal.value == "stream ORDERS"
    assert refusal.rule == "the broker refuses it: insufficient storage resources available"


async def test_what_is_not_declared_is_left_alone(broker: Nats, settings: Settings) -> None:
    await broker.new_stream("OTHER", "other.>")
    await bring(settings(), declared(), 10)
    await broker.new_consumer("ORDERS", "by-hand", "orders.paid")
    before = await state(broker)
    assert await bring(settings(), declared(), 10) == Applied(0, 0, 2)
    assert await state(broker) == before


async def test_consumer_that_is_added_gets_what_is_there(broker: Nats, settings: Settings) -> None:
    await bring(settings(), declared(consumers=[]), 10)
    async with broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", b"earlier")
    assert await bring(settings(), declared(), 10) == Applied(created=1, updated=0, unchanged=1)
    assert await broker.unacknowledged("ORDERS", CONSUMER["name"]) == 1  # type: ignore[arg-type]


async def test_broker_that_comes_late_is_waited_for(broker: Nats, settings: Settings) -> None:
    async with broker.killed():
        bringing = asyncio.create_task(bring(settings(nats_seconds=0.2), declared(), 10))
        await asyncio.sleep(0.7)
        assert not bringing.done()
    assert await bringing == Applied(2, 0, 0)


async def test_broker_is_not_waited_for_for_ever(settings: Settings) -> None:
    with pytest.raises(MessagesUnavailable):
        async with asyncio.timeout(10):
            await bring(settings(nats_url="nats://127.0.0.1:1", nats_seconds=0.1), declared(), 0.5)
