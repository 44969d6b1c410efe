"""The products that the shop opens with, from `first_products.csv`."""

import csv
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PRODUCTS = Path(__file__).parent.parent / "first_products.csv"


def upgrade() -> None:
    """Put them in."""
    products = sa.table(
        "products",
        sa.column("sku", sa.Text),
        sa.column("name", sa.Text),
        sa.column("description", sa.Text),
        sa.column("category", sa.Text),
        sa.column("price_amount", sa.Numeric(12, 2)),
        sa.column("price_currency", sa.CHAR(3)),
    )
    op.bulk_insert(products, read_products())


def read_products() -> list[dict[str, str | Decimal]]:
    """The rows of the file."""
    with PRODUCTS.open(encoding="utf-8", newline="") as file:
        return [row | {"price_amount": Decimal(row["price_amount"])} for row in csv.DictReader(file)]
