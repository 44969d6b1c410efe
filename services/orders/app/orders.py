"""What is done to orders in the database: made, moved on, found. Owns that each state comes once, with its event.

Each change is one transaction of the caller's: the order's row under a guard, one of its history, one of the outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import HistoryRow, ItemRow, OrderRow, OutboxRow
from app.prices import PricedItem
from app.schemas import Order
from app.states import STEPS, WAYS, Status, check_way, event_type
from blueprint_kit.logs import current_request_id


@dataclass(frozen=True)
class Found:
    """Some of the orders, and how many there are in all."""

    rows: Sequence[OrderRow]
    total: int


def new_order(order_id: UUID, customer: str, items: Sequence[PricedItem]) -> OrderRow:
    """An order that is not in the database yet. All prices are of one currency."""
    rows = [
        ItemRow(
            position=position,
            sku=item.sku,
            quantity=item.quantity,
            price_amount=item.amount,
            price_currency=item.currency,
        )
        for position, item in enumerate(items)
    ]
    total = sum((item.amount * item.quantity for item in items), Decimal(0))
    return OrderRow(
        id=order_id,
        customer=customer,
        status=Status.PENDING.value,
        reason=None,
        total_amount=total,
        total_currency=items[0].currency,
        items=rows,
        history=[],
    )


async def place(session: AsyncSession, order: OrderRow) -> None:
    """Put a new order in."""
    session.add(order)
    await session.flush()  # the database gives the time
    await _tell(session, order, Status.PENDING, None, order.created_at)


async def move(session: AsyncSession, order: OrderRow, to: Status, reason: str | None = None) -> bool:
    """Move an order on from the state that `order` was read in; false if it is not in that state any more.

    `order` itself stays as it was read. Raises NoSuchWayError.
    """
    before = Status(order.status)
    check_way(before, to)
    guarded = (
        update(OrderRow)
        .where(OrderRow.id == order.id, OrderRow.status == before.value)
        .values(status=to.value, reason=reason, updated_at=func.now())
        .returning(OrderRow.updated_at)
    )
    moved_at = await session.scalar(guarded, execution_options={"synchronize_session": False})
    if moved_at is None:
        return False
    await _tell(session, order, to, reason, moved_at)
    return True


async def find_order(session: AsyncSession, order_id: UUID) -> OrderRow | None:
    """The order with this id, if there is one."""
    return await session.get(OrderRow, order_id)


async def find_orders(session: AsyncSession, page: int, size: int) -> Found:
    """The orders of a page, counted from 1, newest first: their ids are UUIDv7, which sort by time."""
    total = await session.scalar(select(func.count()).select_from(OrderRow))
    query = select(OrderRow).order_by(OrderRow.id.desc()).offset((page - 1) * size).limit(size)
    return Found((await session.scalars(query)).all(), total or 0)


async def find_standing(session: AsyncSession, age: timedelta, most: int) -> Sequence[UUID]:
    """Some orders in no final state that have not moved for `age`: any, so that none waits behind those that cannot."""
    open_states = [status.value for status in WAYS]
    query = (
        select(OrderRow.id)
        .where(OrderRow.status.in_(open_states), OrderRow.updated_at < func.now() - age)
        .order_by(func.random())
        .limit(most)
    )
    return (await session.scalars(query)).all()


def event_id(order_id: UUID, status: Status) -> UUID:
    """The id of the event that tells of an order's state: always the same, so that whoever gets it twice can see it."""
    return uuid5(order_id, event_type(status))


async def _tell(session: AsyncSession, order: OrderRow, status: Status, reason: str | None, at: datetime) -> None:
    """Note the state in the history and the outbox."""
    session.add(HistoryRow(order_id=order.id, step=STEPS[status], status=status.value, at=at))
    session.add(
        OutboxRow(
            id=event_id(order.id, status),
            order_id=order.id,
            type=event_type(status),
            at=at,
            request_id=current_request_id(),
            data=event_data(order, status, reason),
        )
    )
    await session.flush()


def event_data(order: OrderRow, status: Status, reason: str | None) -> dict[str, Any]:
    """What an event says of its order."""
    shown = Order.of(order).model_dump(mode="json", include={"customer", "items", "total"})
    return {**shown, "status": status.value, "reason": reason}
