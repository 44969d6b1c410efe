"""One product whose price, bought alone, the payments' test rule declines: an amount that ends in .13."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SKU = "KIT-TOW-03"


def upgrade() -> None:
    """Change the price, unless somebody changed it before."""
    op.execute(f"UPDATE products SET price_amount = 31.13 WHERE sku = '{SKU}' AND price_amount = 29.90")  # noqa: S608
