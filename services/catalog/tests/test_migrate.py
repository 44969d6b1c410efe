"""The catalog's migrations, on a real PostgreSQL. That they take turns and wait is the kit's, and tested there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from blueprint_testing import LOOPBACK
from blueprint_testing.postgres import PASSWORD, Postgres
from sqlalchemy import Connection

from app.migrate import MIGRATIONS
from app.models import Base
from app.settings import CatalogSettings
from blueprint_kit.migrations import migrate
from blueprint_kit.postgres import engine

NEWEST = "0003"
SERVICE = Path(__file__).parent.parent


async def state(server: Postgres, settings: CatalogSettings) -> tuple[str | None, list[tuple[object, ...]]]:
    """The revision, none before the first, and all products."""
    async with server.administrator(settings.postgres_database) as connection:
        if await connection.fetchval("SELECT to_regclass('products')") is None:
            return None, []
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision, [tuple(row) for row in await connection.fetch("SELECT * FROM products ORDER BY sku")]


async def test_forward_on_an_empty_database(server: Postgres, empty: CatalogSettings) -> None:
    assert await state(server, empty) == (None, [])
    await migrate(empty, MIGRATIONS)
    revision, products = await state(server, empty)
    assert (revision, len(products)) == (NEWEST, 60)


async def test_a_second_run_changes_nothing(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty, MIGRATIONS)
    async with server.administrator(empty.postgres_database) as connection:
        await connection.execute("DELETE FROM products WHERE sku = 'KIT-MUG-01'")
    before = await state(server, empty)
    await migrate(empty, MIGRATIONS)
    assert await state(server, empty) == before, "what was sold out does not come back"


async def test_models_are_what_the_migrations_make(migrated: CatalogSettings) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    made = engine(migrated, pooled=False)
    async with made.connect() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("sku", "a-1", "products_sku_is_plain"),
        ("sku", "A--1", "products_sku_is_plain"),
        ("sku", "A-", "products_sku_is_plain"),
        ("sku", "", "products_sku_is_plain"),
        ("price_amount", "-0.01", "products_price_not_negative"),
        ("price_currency", "eur", "products_currency_is_iso_4217"),
    ],
)
async def test_table_refuses_what_breaks_its_rules(
    server: Postgres, migrated: CatalogSettings, column: str, value: str, rule: str
) -> None:
    values = {"sku": "A-1", "name": "n", "description": "d", "category": "c"}
    row = values | {"price_amount": "1.00", "price_currency": "EUR"} | {column: value}
    quoted = ", ".join(f"'{item}'" for item in row.values())
    async with server.administrator(migrated.postgres_database) as connection:
        with pytest.raises(asyncpg.CheckViolationError, match=rule):
            await connection.execute(f"INSERT INTO products ({', '.join(row)}) VALUES ({quoted})")  # noqa: S608


def test_program_migrates_and_ends_with_0(empty: CatalogSettings) -> None:
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
    assert (ended.returncode, log[-1]["event"], log[-1]["service"]) == (0, "migrated", "catalog")
    assert PASSWORD not in json.dumps(log)
