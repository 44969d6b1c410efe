"""Deliveries in the database. Owns that each comes into the stock once."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import stock
from app.models import DeliveryRow
from app.refusals import DeliveryDiffers
from app.schemas import Delivery, NewDelivery


async def receive(session: AsyncSession, new: NewDelivery) -> Delivery:
    """Add a delivery to the stock, in the caller's transaction. Raises UnknownProduct and DeliveryDiffers.

    One that is in it already is found as it is.
    """
    rows = await stock.lock(session, [new.sku])
    row = insert(DeliveryRow).values(id=new.id, sku=new.sku, quantity=new.quantity)
    made = await session.execute(row.on_conflict_do_nothing().returning(DeliveryRow.id))
    if made.first() is not None:
        rows[new.sku].available += new.quantity
        return Delivery(id=new.id, sku=new.sku, quantity=new.quantity)
    found = Delivery.of(await session.get_one(DeliveryRow, new.id))
    if (found.sku, found.quantity) != (new.sku, new.quantity):
        raise DeliveryDiffers(new.id)
    return found
