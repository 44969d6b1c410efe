"""Reservations in the database. Owns that each order has one, that it ends once, and that its stock moves with it.

Each function is one transaction of the caller's and may run again: a second time it changes nothing and finds the same.
The row of the reservation is its lock: requests about the same order, whatever they ask, take turns on it.
"""

from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncSession

from app import stock
from app.models import LineRow, ReservationRow, Status
from app.refusals import NoReservation, OutOfStock, ReservationDiffers, ReservationEnded
from app.schemas import NewReservation, Reservation


async def reserve(session: AsyncSession, order_id: UUID, wanted: NewReservation) -> Reservation:
    """Reserve all lines of an order, or none.

    One that is reserved or committed already is found as it is. Raises UnknownProduct, OutOfStock, ReservationDiffers,
    and ReservationEnded for one that is released.
    """
    if not await _begin(session, order_id, Status.RESERVED):
        return _same(await find(session, order_id), wanted)
    rows = await stock.lock(session, wanted.quantities)
    short = {
        sku: (quantity, rows[sku].available)
        for sku, quantity in sorted(wanted.quantities.items())
        if rows[sku].available < quantity
    }
    if short:
        raise OutOfStock(short)
    for sku, quantity in wanted.quantities.items():
        rows[sku].available -= quantity
        rows[sku].reserved += quantity
    lines = [{"order_id": order_id, "sku": item.sku, "quantity": item.quantity} for item in wanted.items]
    await session.execute(insert(LineRow), lines)
    return Reservation.of(order_id, Status.RESERVED, wanted.quantities)


async def commit(session: AsyncSession, order_id: UUID) -> Reservation:
    """Let what is reserved leave the stock. Raises NoReservation, and ReservationEnded for one that is released."""
    return await _end(session, order_id, await _lock(session, order_id), Status.COMMITTED)


async def release(session: AsyncSession, order_id: UUID) -> Reservation:
    """Make what is reserved available again. Raises ReservationEnded for one that is committed.

    For an order that has none it is noted as released: a request to reserve may be on its way, and would reserve what
    nobody would release.
    """
    await _begin(session, order_id, Status.RELEASED)
    return await _end(session, order_id, await _lock(session, order_id), Status.RELEASED)


async def find(session: AsyncSession, order_id: UUID) -> Reservation:
    """The reservation of an order. Raises NoReservation."""
    row = await session.get(ReservationRow, order_id)
    if row is None:
        raise NoReservation(order_id)
    return Reservation.of(order_id, Status(row.status), await _quantities(session, order_id))


def _same(found: Reservation, wanted: NewReservation) -> Reservation:
    if found.status is Status.RELEASED:
        raise ReservationEnded(found.order_id, found.status)
    if {item.sku: item.quantity for item in found.items} != wanted.quantities:
        raise ReservationDiffers(found.order_id)
    return found


async def _begin(session: AsyncSession, order_id: UUID, status: Status) -> bool:
    """Make the row of a reservation; false if there is one. Waits for who is making one now, to know."""
    row = insert_or_not(ReservationRow).values(order_id=order_id, status=status)
    made = await session.execute(row.on_conflict_do_nothing().returning(ReservationRow.order_id))
    return made.first() is not None


async def _lock(session: AsyncSession, order_id: UUID) -> Status:
    """The status of a reservation, which nobody else can change until the transaction ends. Raises NoReservation."""
    query = select(ReservationRow.status).where(ReservationRow.order_id == order_id)
    status = await session.scalar(query.with_for_update(key_share=True))
    if status is None:
        raise NoReservation(order_id)
    return Status(status)


async def _end(session: AsyncSession, order_id: UUID, status: Status, end: Status) -> Reservation:
    """Bring a locked reservation from `status` to its end, unless it is there already."""
    quantities = await _quantities(session, order_id)
    if status is Status.RESERVED:
        rows = await stock.lock(session, quantities)
        for sku, quantity in quantities.items():
            rows[sku].reserved -= quantity
            rows[sku].available += quantity if end is Status.RELEASED else 0
        ended = update(ReservationRow).where(ReservationRow.order_id == order_id)
        await session.execute(ended.values(status=end, updated_at=func.now()))
    elif status is not end:
        raise ReservationEnded(order_id, status)
    return Reservation.of(order_id, end, quantities)


async def _quantities(session: AsyncSession, order_id: UUID) -> dict[str, int]:
    lines = await session.execute(select(LineRow.sku, LineRow.quantity).where(LineRow.order_id == order_id))
    return {sku: quantity for sku, quantity in lines}
