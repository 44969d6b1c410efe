"""The relay: each order's events in order, none lost, and again only with the same id."""

import asyncio
import uuid
from collections.abc import Callable

import pytest
from blueprint_testing import eventually
from blueprint_testing.postgres import Postgres
from rig import GOOD, HAPPY, Broker, Crash, Replica, Steps, relaying

from app.outbox import AGE, BACKOFF_MOST_SECONDS, BATCH, WAITING, Passed, Relay, backoff
from blueprint_kit.messages import Event, MessagesUnavailable
from blueprint_kit.postgres import DatabaseUnavailable

Shop = Callable[..., Replica]


async def confirmed(replica: Replica) -> uuid.UUID:
    """An order at its end, of which nothing was published yet."""
    order_id = await replica.place(GOOD)
    await replica.saga.finish(order_id)
    return order_id


async def test_event_says_what_the_contract_asks_for(shop: Shop, broker: Broker) -> None:
    replica = shop()
    order_id = await confirmed(replica)
    await replica.publish_all()
    event = broker.events[-1]
    assert (event.type, event.order_id) == ("orders.confirmed", order_id)
    assert event.data == {
        "customer": "Ada",
        "items": [
            {"sku": "MUG-1", "quantity": 2, "price": {"amount": "12.50", "currency": "EUR"}},
            {"sku": "PAN-1", "quantity": 1, "price": {"amount": "79.00", "currency": "EUR"}},
        ],
        "total": {"amount": "104.00", "currency": "EUR"},
        "status": "confirmed",
        "reason": None,
    }
    order = await replica.order(order_id)
    assert [event.at for event in broker.events] == [step.at for step in order.history]


async def test_relay_that_dies_before_it_notes_the_answer_publishes_the_same_again(shop: Shop, broker: Broker) -> None:
    clean, steps = shop(), Steps()
    order_id = await confirmed(clean)
    fragile = shop(steps=steps)
    for crashes in range(4):
        steps.crash_at, steps.passed = 2, 0  # after all is published, before the commit
        with pytest.raises(Crash):
            await fragile.relay.pass_on()
        assert len(broker.events) == crashes + 1
    await clean.publish_all()
    assert [event.type for event in broker.events] == ["orders.placed"] * 5 + HAPPY[1:]
    assert len({event.id for event in broker.events}) == 4
    assert broker.of(order_id) == HAPPY


async def test_next_event_of_an_order_waits_for_the_one_before(shop: Shop, broker: Broker) -> None:
    """While one relay has the first event under way, another one finds none of this order."""
    first, second = shop(), shop()
    await confirmed(first)
    other = await second.place(GOOD)
    publishing, go_on = asyncio.Event(), asyncio.Event()

    async def slow(event: Event) -> None:
        publishing.set()
        await go_on.wait()
        await broker.publish(event)

    slow_relay = Relay(first.database, slow)
    passing = asyncio.create_task(slow_relay.pass_on())
    await asyncio.wait_for(publishing.wait(), 5)
    assert await second.relay.pass_on() == Passed(0, 0)
    third = await second.place(GOOD)
    assert await second.relay.pass_on() == Passed(1, 0), "other orders do not wait"
    assert broker.of(third) == ["orders.placed"]
    go_on.set()
    assert await passing == Passed(2, 0)
    assert broker.of(other) == ["orders.placed"]
    assert await second.relay.pass_on() == Passed(1, 0)


async def test_event_that_fails_holds_up_its_own_order_only(shop: Shop, broker: Broker) -> None:
    replica = shop()
    stuck, other = await confirmed(replica), await confirmed(replica)

    async def picky(event: Event) -> None:
        if event.order_id == stuck:
            raise MessagesUnavailable
        await broker.publish(event)

    relay = Relay(replica.database, picky)
    assert [await relay.pass_on() for _ in range(5)] == [Passed(1, 1)] * 4 + [Passed(0, 1)]
    assert (broker.of(other), broker.of(stuck)) == (HAPPY, [])
    await replica.publish_all()
    assert broker.of(stuck) == HAPPY


async def test_backlog_larger_than_a_batch_is_published(shop: Shop, broker: Broker) -> None:
    replica = shop()
    ids = [await replica.place(GOOD) for _ in range(BATCH + 3)]
    assert await replica.relay.pass_on() == Passed(BATCH, 0)
    await replica.publish_all()
    assert [event.order_id for event in broker.events] == ids


async def test_broker_that_is_away_loses_nothing(shop: Shop, broker: Broker) -> None:
    replica = shop()
    broker.away = MessagesUnavailable()
    async with relaying(replica.relay):
        order_id = await confirmed(replica)
        await asyncio.sleep(0.3)
        assert len(await replica.outbox()) == 4
        broker.away = None
        await published(broker, order_id, HAPPY)


async def test_relay_is_woken_by_a_commit(shop: Shop, broker: Broker) -> None:
    """Not by its poll, which would come after a minute."""
    replica = shop()
    relay = Relay(replica.database, broker.publish, poll_seconds=60)
    async with relaying(relay):
        await asyncio.sleep(0.1)
        order_id = await replica.place(GOOD)
        relay.wake()
        await published(broker, order_id, ["orders.placed"])


async def test_relay_outlives_its_database(shop: Shop, broker: Broker, server: Postgres) -> None:
    replica = shop()
    async with relaying(replica.relay):
        await replica.place(GOOD)
        async with server.stopped():
            with pytest.raises(DatabaseUnavailable):
                await replica.place(GOOD)
            await asyncio.sleep(0.2)
        order_id = await replica.place(GOOD)
        await published(broker, order_id, ["orders.placed"])


async def published(broker: Broker, order_id: uuid.UUID, types: list[str]) -> None:
    """Wait until the broker has these events of an order."""

    async def all_there() -> bool:
        return broker.of(order_id) == types

    await eventually(all_there)


async def test_transaction_of_a_relay_that_is_gone_is_ended_by_the_server(shop: Shop, broker: Broker) -> None:
    """Its node is lost, so nothing tells the server; the locks must go all the same."""
    replica = shop()
    order_id = await replica.place(GOOD)
    lost = Relay(replica.database, lambda _event: asyncio.sleep(60), publish_seconds=-9.5)
    passing = asyncio.create_task(lost.pass_on())
    await asyncio.sleep(0.1)
    assert await replica.relay.pass_on() == Passed(0, 0)

    async def free() -> bool:
        return (await replica.relay.pass_on()).published == 1

    await eventually(free, seconds=5)
    assert broker.of(order_id) == ["orders.placed"]
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)


async def test_what_waits_is_shown(shop: Shop) -> None:
    replica = shop()
    await replica.relay.measure()
    assert (WAITING._value.get(), AGE._value.get()) == (0, 0)
    await confirmed(replica)
    await asyncio.sleep(0.01)
    await replica.relay.measure()
    assert WAITING._value.get() == 4
    assert 0 < AGE._value.get() < 60


def test_backoff_grows_to_its_most() -> None:
    waits = [backoff(failures, 1.0) for failures in (1, 2, 3, 100, 10_000)]
    assert waits == [0.2, 0.4, 0.8, BACKOFF_MOST_SECONDS, BACKOFF_MOST_SECONDS]
    assert backoff(1, 0.0) == 0.1
