"""The tables of stock, reservations and deliveries."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _make_stock()
    _make_reservations()
    _make_deliveries()


def _make_stock() -> None:
    op.create_table(
        "stock",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("available", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("available >= 0", name="stock_available_not_negative"),
        sa.CheckConstraint("reserved >= 0", name="stock_reserved_not_negative"),
        sa.CheckConstraint("sku ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$'", name="stock_sku_is_plain"),
    )


def _make_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("status", sa.Text, nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint("status IN ('reserved', 'committed', 'released')", name="reservations_status_is_known"),
    )
    op.create_table(
        "reservation_lines",
        sa.Column("order_id", sa.Uuid, sa.ForeignKey("reservations.order_id"), primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("stock.sku"), primary_key=True),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.CheckConstraint("quantity > 0", name="reservation_lines_quantity_positive"),
    )


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("sku", sa.Text, sa.ForeignKey("stock.sku"), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        _now("received_at"),
        sa.CheckConstraint("quantity > 0", name="deliveries_quantity_positive"),
    )


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
