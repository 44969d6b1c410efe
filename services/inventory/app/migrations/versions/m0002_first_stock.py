"""The stock that the shop opens with, from `first_stock.csv`: plenty of most products, three scarce ones."""

import csv
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STOCK = Path(__file__).parent.parent / "first_stock.csv"


def upgrade() -> None:
    """Put it in."""
    stock = sa.table("stock", sa.column("sku", sa.Text), sa.column("available", sa.BigInteger))
    op.bulk_insert(stock, read_stock())


def read_stock() -> list[dict[str, str | int]]:
    """The rows of the file."""
    with STOCK.open(encoding="utf-8", newline="") as file:
        return [{"sku": row["sku"], "available": int(row["available"])} for row in csv.DictReader(file)]
