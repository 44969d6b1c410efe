"""The table of products."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "products",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("price_amount", sa.Numeric(12, 2), nullable=False),
        sa.Column("price_currency", sa.CHAR(3), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.CheckConstraint("price_amount >= 0", name="products_price_not_negative"),
        sa.CheckConstraint("price_currency ~ '^[A-Z]{3}$'", name="products_currency_is_iso_4217"),
        sa.CheckConstraint("sku ~ '^[A-Z0-9]+(-[A-Z0-9]+)*$'", name="products_sku_is_plain"),
    )
