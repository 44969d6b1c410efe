"""Transitions in the database: each once, with its history and its event, or not at all."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime

import pytest
from rig import GOOD, Replica
from sqlalchemy.ext.asyncio import AsyncSession

from app import orders
from app.states import NoSuchWayError, Status
from blueprint_kit.logs import bind_request_id

Shop = Callable[..., Replica]


async def move(replica: Replica, order_id: uuid.UUID, *ways: Status) -> list[bool]:
    """Whether each of some transitions from the order's present state succeeds, all at the same time."""
    order = await replica.order(order_id)

    def to(status: Status) -> Callable[[AsyncSession], object]:
        reason = "because" if status in {Status.REJECTED, Status.PAYMENT_FAILED} else None
        return lambda session: orders.move(session, order, status, reason)

    return list(await asyncio.gather(*(replica.database.write(to(way)) for way in ways)))  # type: ignore[arg-type]


async def test_of_many_transitions_at_once_one_succeeds(shop: Shop) -> None:
    replica = shop()
    order_id = await replica.place(GOOD)
    moved = await move(replica, order_id, *[Status.RESERVED, Status.REJECTED] * 4)
    assert moved.count(True) == 1
    assert await replica.history(order_id) == ["pending", (await replica.order(order_id)).status]
    assert len(await replica.outbox()) == 2


async def test_transition_that_the_rules_do_not_have_changes_nothing(shop: Shop) -> None:
    replica = shop()
    order_id = await replica.place(GOOD)
    with pytest.raises(NoSuchWayError):
        await move(replica, order_id, Status.CONFIRMED)
    assert await replica.history(order_id) == ["pending"]
    assert len(await replica.outbox()) == 1


async def test_transition_from_a_state_that_is_past_changes_nothing(shop: Shop) -> None:
    replica = shop()
    order_id = await replica.place(GOOD)
    stale = await replica.order(order_id)
    assert await move(replica, order_id, Status.RESERVED) == [True]
    assert await move(replica, order_id, Status.PAID) == [True]
    assert not await replica.database.write(lambda session: orders.move(session, stale, Status.RESERVED))
    assert await replica.history(order_id) == ["pending", "reserved", "paid"]
    assert [row.type for row in await replica.outbox()] == ["orders.placed", "orders.reserved", "orders.paid"]


async def test_event_has_the_id_of_the_request(shop: Shop) -> None:
    replica = shop()
    bind_request_id("request-1")
    await replica.place(GOOD)
    (row,) = await replica.outbox()
    assert row.request_id == "request-1"


async def test_event_ids_are_made_of_order_and_state() -> None:
    first, second = uuid.uuid4(), uuid.uuid4()
    ids = {orders.event_id(order_id, status) for order_id in (first, second) for status in Status}
    assert len(ids) == 2 * len(Status)
    assert orders.event_id(first, Status.PAID) in ids


async def test_history_says_when(shop: Shop) -> None:
    replica = shop()
    order_id = await replica.place(GOOD)
    await replica.saga.finish(order_id)
    order = await replica.order(order_id)
    times: list[datetime] = [step.at for step in order.history]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (order.created_at, order.updated_at)
