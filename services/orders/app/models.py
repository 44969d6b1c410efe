"""The tables, as migration 0001 makes them."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CHAR,
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

TIME = DateTime(timezone=True)


class Base(DeclarativeBase):
    """What Alembic compares the database with."""


class ItemRow(Base):
    """One line of an order, at the price of the moment when it was placed."""

    __tablename__ = "order_items"
    __table_args__ = (UniqueConstraint("order_id", "sku", name="order_items_sku_once"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sku: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int]
    price_amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    price_currency: Mapped[str] = mapped_column(CHAR(3))


class HistoryRow(Base):
    """When an order came into a state, which is `step` transitions after its beginning."""

    __tablename__ = "order_history"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    step: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    status: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())


class OrderRow(Base):
    """An order. Its lines and its history come with it."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("orders_open", "updated_at", postgresql_where=text("status IN ('pending', 'reserved', 'paid')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    customer: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    total_amount: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    total_currency: Mapped[str] = mapped_column(CHAR(3))
    created_at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())

    items: Mapped[list[ItemRow]] = relationship(lazy="selectin", order_by=ItemRow.position)
    history: Mapped[list[HistoryRow]] = relationship(lazy="selectin", order_by=HistoryRow.step)


class OutboxRow(Base):
    """An event that is still to be published."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_of_order", "order_id", "sequence"),)

    sequence: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    type: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(TIME)
    request_id: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)


class KeyRow(Base):
    """An idempotency key, the hash of the body that came with it, and what was answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_keys_by_age", "created_at"),)

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    answer: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(TIME, server_default=func.now())
