"""The orders, what happened to them, what is still to be told of it, and the keys that they were placed with."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUSES = "'pending', 'reserved', 'paid', 'confirmed', 'rejected', 'payment_failed'"


def upgrade() -> None:
    """Make the tables."""
    _make_orders()
    _make_items()
    _make_history()
    _make_outbox()
    _make_idempotency_keys()


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def _order(*, primary_key: bool = False) -> sa.Column[Any]:
    return sa.Column("order_id", sa.Uuid, sa.ForeignKey("orders.id"), nullable=False, primary_key=primary_key)


def _make_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("total_amount", sa.Numeric(18, 2), nullable=False),
        sa.Column("total_currency", sa.CHAR(3), nullable=False),
        _time("created_at"),
        _time("updated_at"),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="orders_status_is_known"),
        sa.CheckConstraint("total_amount >= 0", name="orders_total_not_negative"),
        sa.CheckConstraint(
            "(reason IS NOT NULL) = (status IN ('rejected', 'payment_failed'))", name="orders_reason_says_why_not"
        ),
    )
    open_orders = sa.text("status IN ('pending', 'reserved', 'paid')")
    op.create_index("orders_open", "orders", ["updated_at"], postgresql_where=open_orders)


def _make_items() -> None:
    op.create_table(
        "order_items",
        _order(primary_key=True),
        sa.Column("position", sa.SmallInteger, primary_key=True),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price_amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("price_currency", sa.CHAR(3), nullable=False),
        sa.UniqueConstraint("order_id", "sku", name="order_items_sku_once"),
        sa.CheckConstraint("quantity BETWEEN 1 AND 1000", name="order_items_quantity_in_range"),
        sa.CheckConstraint("price_amount >= 0", name="order_items_price_not_negative"),
    )


def _make_history() -> None:
    """The primary key lets an order be in one state only after each number of steps: no two ways, none twice."""
    op.create_table(
        "order_history",
        _order(primary_key=True),
        sa.Column("step", sa.SmallInteger, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        _time("at"),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="order_history_status_is_known"),
    )


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        _order(),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("data", JSONB, nullable=False),
    )
    op.create_index("outbox_of_order", "outbox", ["order_id", "sequence"])


def _make_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        _time("created_at"),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at"])
