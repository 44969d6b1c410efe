"""The schema, on a real PostgreSQL: what the migrations make, and what its rules refuse."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from blueprint_testing.postgres import Postgres
from conftest import Settings
from sqlalchemy import Connection

from app.migrate import MIGRATIONS
from app.models import Base
from blueprint_kit.migrations import migrate
from blueprint_kit.postgres import engine

ID = "018f0000-0000-7000-8000-000000000001"
ORDER = {"id": ID, "customer": "Ada", "status": "pending", "total_amount": 1, "total_currency": "EUR"}
ITEM = {"order_id": ID, "position": 0, "sku": "A-1", "quantity": 1, "price_amount": 1, "price_currency": "EUR"}
STEP = {"order_id": ID, "step": 0, "status": "pending"}


async def insert(connection: asyncpg.Connection, table: str, row: dict[str, Any]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())  # noqa: S608


async def test_models_are_what_the_migrations_make(settings: Settings, migrated: dict[str, Any]) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    made = engine(settings(**migrated), pooled=False)
    async with made.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrations_may_run_twice_and_at_the_same_time(
    server: Postgres, settings: Settings, tmp_path: Path
) -> None:
    new = settings(**server.settings(await server.new_database("orders"), tmp_path))
    await asyncio.gather(*(migrate(new, MIGRATIONS, 0.02) for _ in range(3)))
    await migrate(new, MIGRATIONS)


@pytest.mark.parametrize(
    ("table", "row", "rule"),
    [
        ("orders", {"status": "lost"}, "orders_status_is_known"),
        ("orders", {"status": "rejected"}, "orders_reason_says_why_not"),
        ("orders", {"reason": "none"}, "orders_reason_says_why_not"),
        ("orders", {"total_amount": -1}, "orders_total_not_negative"),
        ("order_items", {"quantity": 0}, "order_items_quantity_in_range"),
        ("order_items", {"quantity": 1001}, "order_items_quantity_in_range"),
        ("order_items", {"price_amount": -1}, "order_items_price_not_negative"),
        ("order_items", {"position": 1}, "order_items_sku_once"),
        ("order_history", {"step": 1, "status": "lost"}, "order_history_status_is_known"),
        ("order_history", {"status": "reserved"}, "order_history_pkey"),
    ],
)
async def test_tables_refuse_what_breaks_their_rules(
    server: Postgres, emptied: dict[str, Any], table: str, row: dict[str, Any], rule: str
) -> None:
    """The good rows go in first, so that what is refused is the change."""
    good = {"orders": ORDER, "order_items": ITEM, "order_history": STEP}
    async with server.administrator(emptied["postgres_database"]) as connection:
        for name, values in good.items():
            await insert(connection, name, values)
        other = {"id": ID.replace("8f", "8e")} if table == "orders" else {}
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=rule):
            await insert(connection, table, {**good[table], **other, **row})
