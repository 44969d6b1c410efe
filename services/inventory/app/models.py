"""The tables, as migration 0001 makes them.

Of each product: what there was at first and what was delivered = `available` + `reserved` + what is committed.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TIME = DateTime(timezone=True)


class Status(StrEnum):
    """What became of a reservation. A committed one has left the stock; a released one is back in it."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    RELEASED = "released"


class Base(DeclarativeBase):
    """What Alembic compares the database with."""


class StockRow(Base):
    """How much of a product can be reserved, and how much is."""

    __tablename__ = "stock"

    sku: Mapped[str] = mapped_column(Text, primary_key=True)
    available: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger, server_default="0")


class ReservationRow(Base):
    """The reservation of an order. It stays when it has ended, so that nothing that comes late begins it again."""

    __tablename__ = "reservations"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())


class LineRow(Base):
    """How much of a product is, or was, reserved for an order. One that was released before it came has none."""

    __tablename__ = "reservation_lines"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("reservations.order_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("stock.sku"), primary_key=True)
    quantity: Mapped[int]


class DeliveryRow(Base):
    """What came into the stock."""

    __tablename__ = "deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("stock.sku"))
    quantity: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())
