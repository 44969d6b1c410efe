"""The things that are there at first."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("INSERT INTO things VALUES ('mug', 10), ('pan', 10)")
