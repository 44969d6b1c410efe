"""The inventory's migrations, on a real PostgreSQL, and the stock that the shop opens with."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from blueprint_testing import LOOPBACK
from blueprint_testing.postgres import PASSWORD, Postgres
from ledger import FIRST, Ledger
from sqlalchemy import Connection

from app.migrate import MIGRATIONS
from app.models import Base
from app.settings import InventorySettings
from blueprint_kit.migrations import migrate
from blueprint_kit.postgres import engine

SERVICE = Path(__file__).parent.parent
PRODUCTS = SERVICE.parent / "catalog/app/migrations/first_products.csv"
SCARCE = {"KIT-KNF-21": 25, "KIT-PAN-28": 3, "KIT-KTL-01": 0}
ID = uuid4()


def test_first_stock_is_of_the_products_that_the_catalog_opens_with() -> None:
    with PRODUCTS.open(encoding="utf-8", newline="") as file:
        skus = [row["sku"] for row in csv.DictReader(file)]
    assert dict.fromkeys(skus, 10_000) | SCARCE == FIRST
    assert len(FIRST) == 60


async def test_second_run_changes_nothing(server: Postgres, empty: InventorySettings) -> None:
    ledger = Ledger(server, empty.postgres_database, dict(FIRST))
    await migrate(empty, MIGRATIONS)
    first = await ledger.balance()
    assert {sku: account.available for sku, account in first.items()} == FIRST
    await ledger.open({"KIT-MUG-01": 7})
    before = await ledger.balance()
    await migrate(empty, MIGRATIONS)
    assert await ledger.balance() == before, "what was sold does not come back"


async def test_models_are_what_the_migrations_make(migrated: InventorySettings) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    made = engine(migrated, pooled=False)
    async with made.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE stock SET available = -1 WHERE sku = 'KIT-MUG-01'", "stock_available_not_negative"),
        ("UPDATE stock SET reserved = -1 WHERE sku = 'KIT-MUG-01'", "stock_reserved_not_negative"),
        ("INSERT INTO stock VALUES ('a-1', 1)", "stock_sku_is_plain"),
        ("INSERT INTO reservations VALUES ($1, 'lost')", "reservations_status_is_known"),
        ("INSERT INTO reservation_lines VALUES ($1, 'KIT-MUG-01', 0)", "reservation_lines_quantity_positive"),
        ("INSERT INTO reservation_lines VALUES ($1, 'KIT-MUG-01', 1)", "reservation_lines_order_id_fkey"),
        ("INSERT INTO deliveries VALUES ($1, 'KIT-MUG-01', 0)", "deliveries_quantity_positive"),
        ("INSERT INTO deliveries VALUES ($1, 'NO-SUCH-1', 1)", "deliveries_sku_fkey"),
    ],
)
async def test_tables_refuse_what_breaks_their_rules(
    server: Postgres, migrated: InventorySettings, statement: str, rule: str
) -> None:
    async with server.administrator(migrated.postgres_database) as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=rule):
            await connection.execute(statement, *([ID] if "$1" in statement else []))


def test_program_migrates_and_ends_with_0(empty: InventorySettings) -> None:
    given = {
        "POSTGRES_HOST": LOOPBACK,
        "POSTGRES_PORT": str(empty.postgres_port),
        "POSTGRES_DATABASE": empty.postgres_database,
        "POSTGRES_USER": empty.postgres_database,
        "POSTGRES_PASSWORD_FILE": str(empty.postgres_password_file),
    }
    command = [sys.executable, "-m", "app.migrate"]
    ended = subprocess.run(
        command, cwd=SERVICE, env=os.environ | given, capture_output=True, text=True, timeout=60, check=False
    )
    log = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (ended.returncode, log[-1]["event"], log[-1]["service"]) == (0, "migrated", "inventory")
    assert PASSWORD not in json.dumps(log)
