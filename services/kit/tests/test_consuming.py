"""Consuming: what becomes of each message, on a real NATS server that stays up."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blueprint_testing import eventually
from blueprint_testing.nats import Nats, nats_server
from brokers import (
    CONSUMER,
    DEAD,
    STREAM,
    USER,
    Handled,
    consuming_with,
    counted,
    dead_letters,
    hurry,
    new_event,
    opened,
    settings_of,
    settled,
)

from blueprint_kit import consuming, deliveries
from blueprint_kit.deliveries import DEAD_BYTES
from blueprint_kit.logs import current_request_id
from blueprint_kit.messages import Event, Messages, MessagesUnavailable, Poison
from blueprint_kit.problems import Problem


@pytest.fixture(scope="module")
def broker() -> Iterator[Nats]:
    with nats_server(USER) as broker:
        yield broker


@pytest.fixture
async def messages(broker: Nats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Messages]:
    """A connection; the streams are empty, and the consumer waits a second for an answer."""
    hurry(monkeypatch)
    await broker.new_stream(STREAM, "orders.>")
    await broker.new_stream(DEAD, "dead.>")
    await broker.new_consumer(STREAM, CONSUMER, "orders.placed", ack_wait=1)
    async with opened(settings_of(broker, tmp_path)) as messages:
        yield messages


class Failing(Handled):
    """A handler that raises `error`, the first `times` times."""

    def __init__(self, error: Exception, times: int = 1_000_000) -> None:
        super().__init__()
        self.error = error
        self.left = times

    async def __call__(self, event: Event) -> None:
        await super().__call__(event)
        self.left -= 1
        if self.left >= 0:
            raise self.error


async def test_each_event_is_handled_once_and_done_with(broker: Nats, messages: Messages) -> None:
    events, handled, before = [new_event() for _ in range(50)], Handled(), counted("handled")
    async with consuming_with(messages, handled):
        for event in events:
            await messages.publish(event)
        await handled.all_of(events)
        await settled(broker)
    assert handled.times == {event.id: 1 for event in events}
    assert counted("handled") - before == 50
    assert await dead_letters(broker) == []


async def test_event_that_was_published_twice_is_handled_once(broker: Nats, messages: Messages) -> None:
    event, handled = new_event(), Handled()
    await messages.publish(event)
    await messages.publish(event)
    async with consuming_with(messages, handled):
        await handled.all_of([event])
        await settled(broker)
    assert handled.times == {event.id: 1}


async def test_other_subjects_are_not_taken(broker: Nats, messages: Messages) -> None:
    other, event, handled = new_event().model_copy(update={"type": "orders.paid"}), new_event(), Handled()
    await messages.publish(other)
    await messages.publish(event)
    async with consuming_with(messages, handled):
        await settled(broker)
    assert handled.times == {event.id: 1}


async def test_logs_of_the_handler_carry_the_events_request_id(messages: Messages) -> None:
    ids: list[str | None] = []

    async def handle(_event: Event) -> None:
        ids.append(current_request_id())

    async def both() -> bool:
        return len(ids) == 2

    without = new_event().model_copy(update={"request_id": None})
    await messages.publish(new_event())
    await messages.publish(without)
    async with consuming_with(messages, handle, concurrency=1):
        await eventually(both)
    assert ids == ["request-1", str(without.id)]
    assert current_request_id() is None


async def test_no_more_at_once_than_told(broker: Nats, messages: Messages) -> None:
    now, most, handled = 0, 0, Handled()

    async def handle(event: Event) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        await handled(event)

    events = [new_event() for _ in range(12)]
    for event in events:
        await messages.publish(event)
    async with consuming_with(messages, handle, concurrency=3):
        await handled.all_of(events)
        await settled(broker)
    assert most == 3


@pytest.mark.parametrize("error", [Problem(503, "not now"), MessagesUnavailable()], ids=repr)
async def test_not_now_is_asked_again_more_often_than_a_failure(
    broker: Nats, messages: Messages, error: Exception
) -> None:
    event, handled, before = new_event(), Failing(error, times=6), counted("postponed")
    await messages.publish(event)
    async with consuming_with(messages, handled, attempts=2):
        await settled(broker)
    assert handled.times == {event.id: 7}
    assert counted("postponed") - before == 6
    assert await dead_letters(broker) == []


async def test_failure_is_tried_again(broker: Nats, messages: Messages) -> None:
    event, handled, before = new_event(), Failing(KeyError("sku"), times=2), counted("failed")
    await messages.publish(event)
    async with consuming_with(messages, handled, attempts=3):
        await settled(broker)
    assert handled.times == {event.id: 3}
    assert counted("failed") - before == 2
    assert await dead_letters(broker) == []


async def test_message_that_always_fails_is_a_dead_letter_in_the_end(broker: Nats, messages: Messages) -> None:
    event, good, failing = new_event(), new_event(), Failing(KeyError("sku"))

    async def handle(given: Event) -> None:
        if given == event:
            await failing(given)

    await messages.publish(event)
    await messages.publish(good)
    async with consuming_with(messages, handle, attempts=3):
        await settled(broker)
    assert failing.times == {event.id: 3}
    ((body, headers),) = await dead_letters(broker)
    assert body == event.encode()
    assert headers["Dead-Reason"] == "it failed 3 times, at last with KeyError('sku')"
    assert headers["Nats-Msg-Id"] == f"{STREAM}-1-{CONSUMER}"
    names = ("Dead-Subject", "Dead-Stream", "Dead-Sequence", "Dead-Bytes")
    assert [headers[name] for name in names] == ["orders.placed", STREAM, "1", str(len(body))]


async def test_failure_after_many_postponements_is_not_the_last_chance(broker: Nats, messages: Messages) -> None:
    """Else a store that was down for long would turn a single error into a dead letter."""
    event, tries = new_event(), 0

    async def handle(_event: Event) -> None:
        nonlocal tries
        tries += 1
        if tries <= 5:
            raise Problem(503, "the store is down")
        if tries == 6:
            raise KeyError("once")

    await messages.publish(event)
    async with consuming_with(messages, handle, attempts=3):
        await settled(broker)
    assert tries == 7
    assert await dead_letters(broker) == []


async def test_poison_is_a_dead_letter_at_once_and_harms_no_other(broker: Nats, messages: Messages) -> None:
    refused, good, handled = new_event(refused=1), new_event(), Handled()

    async def handle(event: Event) -> None:
        await handled(event)
        if event == refused:
            raise Poison("no such\r\ncustomer")

    async with broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", b"\x00 not an event")
        await jetstream.publish("orders.placed", b"")
        await jetstream.publish("orders.placed", b"{" + b"a" * 1_000_000)
    await messages.publish(refused)
    await messages.publish(good)
    async with consuming_with(messages, handle):
        await settled(broker)
    assert handled.times == {refused.id: 1, good.id: 1}
    letters = {headers["Dead-Sequence"]: (body, headers["Dead-Reason"]) for body, headers in await dead_letters(broker)}
    assert sorted(letters) == ["1", "2", "3", "4"]
    assert letters["1"][0] == b"\x00 not an event"
    assert letters["1"][1].startswith("it is not an event: the whole: ")
    assert letters["3"] == (b"{" + b"a" * (DEAD_BYTES - 1), "it has 1000001 bytes; at most 65536 are allowed")
    assert letters["4"] == (refused.encode(), "no such customer")


async def test_message_is_not_done_with_before_its_dead_letter_is_stored(broker: Nats, messages: Messages) -> None:
    async with broker.jetstream() as jetstream:
        await jetstream.delete_stream(DEAD)
        await jetstream.publish("orders.placed", b"poison")
    before = counted("postponed")

    async def postponed() -> bool:
        return counted("postponed") - before >= 2

    async with consuming_with(messages, Handled()):
        await eventually(postponed)
        assert await broker.unacknowledged(STREAM, CONSUMER) == 1
        await broker.new_stream(DEAD, "dead.>")
        await settled(broker)
    assert [body for body, _ in await dead_letters(broker)] == [b"poison"]


async def test_dead_letter_of_a_message_that_comes_again_is_there_once(broker: Nats, messages: Messages) -> None:
    """As after a crash between the dead letter and the answer."""
    async with broker.jetstream() as jetstream:
        await jetstream.publish("orders.placed", b"poison")
    for _ in range(2):
        async with consuming_with(messages, Handled()):
            await settled(broker)
        async with broker.jetstream() as jetstream:
            await jetstream.delete_consumer(STREAM, CONSUMER)
        await broker.new_consumer(STREAM, CONSUMER, "orders.placed")
    assert len(await dead_letters(broker)) == 1


async def test_long_work_is_not_given_to_somebody_else(broker: Nats, messages: Messages) -> None:
    """The consumer waits a second for an answer; the work takes more than two."""
    event, handled = new_event(), Handled()

    async def handle(given: Event) -> None:
        await handled(given)
        await asyncio.sleep(2.3)

    await messages.publish(event)
    async with consuming_with(messages, handle):
        await settled(broker)
    assert handled.times == {event.id: 1}


async def test_it_waits_for_a_consumer_that_is_missing(broker: Nats, messages: Messages) -> None:
    async with broker.jetstream() as jetstream:
        await jetstream.delete_stream(STREAM)
    event, handled = new_event(), Handled()
    async with consuming_with(messages, handled) as task:
        await asyncio.sleep(0.2)
        await broker.new_stream(STREAM, "orders.>")
        await messages.publish(event)
        await asyncio.sleep(0.2)
        assert not task.done()
        await broker.new_consumer(STREAM, CONSUMER, "orders.placed")
        await handled.all_of([event])
        await settled(broker)


async def test_consumer_that_is_made_anew_is_taken_up_again(broker: Nats, messages: Messages) -> None:
    first, second, handled = new_event(), new_event(), Handled()
    async with consuming_with(messages, handled):
        await messages.publish(first)
        await handled.all_of([first])
        await settled(broker)
        async with broker.jetstream() as jetstream:
            await jetstream.delete_consumer(STREAM, CONSUMER)
        await broker.new_consumer(STREAM, CONSUMER, "orders.placed")
        await messages.publish(second)
        await handled.all_of([second])


async def test_stopped_it_finishes_what_is_in_hand_and_leaves_the_rest(broker: Nats, messages: Messages) -> None:
    begun, may_end, handled = asyncio.Semaphore(0), asyncio.Event(), Handled()

    async def handle(event: Event) -> None:
        begun.release()
        await may_end.wait()
        await handled(event)

    for _ in range(5):
        await messages.publish(new_event())
    task = asyncio.create_task(messages.consume(STREAM, CONSUMER, handle, concurrency=2))
    await begun.acquire()
    await begun.acquire()
    task.cancel()
    await asyncio.sleep(0.1)
    assert not task.done()
    may_end.set()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    assert handled.times.total() == 2
    assert await broker.unacknowledged(STREAM, CONSUMER) == 3


async def test_stopped_it_gives_back_at_once_what_does_not_end(
    broker: Nats, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "FINISH_SECONDS", 0.1)
    async with broker.jetstream() as jetstream:
        await jetstream.delete_consumer(STREAM, CONSUMER)
    await broker.new_consumer(STREAM, CONSUMER, "orders.placed", ack_wait=30)
    event, begun, handled = new_event(), asyncio.Event(), Handled()

    async def never_ends(_event: Event) -> None:
        begun.set()
        await asyncio.Event().wait()

    await messages.publish(event)
    async with consuming_with(messages, never_ends):
        await begun.wait()
    async with consuming_with(messages, handled):
        await handled.all_of([event], seconds=3)
        await settled(broker)


async def test_two_processes_share_the_work(broker: Nats, messages: Messages, tmp_path: Path) -> None:
    events, one, other = [new_event() for _ in range(40)], Handled(), Handled()

    async def slowly(event: Event) -> None:
        await asyncio.sleep(0.01)
        await one(event)

    async def slowly_too(event: Event) -> None:
        await asyncio.sleep(0.01)
        await other(event)

    async with opened(settings_of(broker, tmp_path)) as others:
        for event in events:
            await messages.publish(event)
        async with consuming_with(messages, slowly), consuming_with(others, slowly_too):
            await settled(broker)
    assert one.times + other.times == {event.id: 1 for event in events}
    assert one.times
    assert other.times


async def test_pauses_between_deliveries_grow(
    broker: Nats, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "BACKOFF_MOST_SECONDS", 30)
    at: list[float] = []

    async def handle(_event: Event) -> None:
        at.append(asyncio.get_running_loop().time())
        if len(at) < 3:
            raise Problem(503, "not now")

    await messages.publish(new_event())
    async with consuming_with(messages, handle):
        await settled(broker)
    first, second = at[1] - at[0], at[2] - at[1]
    assert 0.5 <= first <= 1.3
    assert 1.0 <= second <= 2.3
