"""Migrations, on a real PostgreSQL: forward, again, at the same time, and while there is no server."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from blueprint_testing import LOOPBACK, eventually, reserved_port
from conftest import Settings
from postgres import PASSWORD, Postgres
from sqlalchemy import Connection
from structlog.testing import capture_logs

from app.database import engine
from app.migrate import LOCK, MigrationError, migrate
from app.models import Base
from app.settings import CatalogSettings

PAUSE = 0.02
NEWEST = "0002"
SERVICE = Path(__file__).parent.parent
Log = list[MutableMapping[str, Any]]


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as log:
        yield log


async def said(log: Log, event: str) -> None:
    """Wait until a line of the log says `event`."""

    async def came() -> bool:
        return any(line["event"] == event for line in log)

    await eventually(came)


async def state(server: Postgres, settings: CatalogSettings) -> tuple[str | None, list[tuple[object, ...]]]:
    """The revision, none before the first, and all products."""
    async with server.administrator(settings.postgres_database) as connection:
        if await connection.fetchval("SELECT to_regclass('products')") is None:
            return None, []
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision, [tuple(row) for row in await connection.fetch("SELECT * FROM products ORDER BY sku")]


async def test_forward_on_an_empty_database(server: Postgres, empty: CatalogSettings) -> None:
    assert await state(server, empty) == (None, [])
    await migrate(empty)
    revision, products = await state(server, empty)
    assert (revision, len(products)) == (NEWEST, 60)


async def test_a_second_run_changes_nothing(server: Postgres, empty: CatalogSettings) -> None:
    await migrate(empty)
    async with server.administrator(empty.postgres_database) as connection:
        await connection.execute("DELETE FROM products WHERE sku = 'KIT-MUG-01'")
    before = await state(server, empty)
    await migrate(empty)
    assert await state(server, empty) == before, "what was sold out does not come back"


async def test_runs_at_the_same_time_take_turns(server: Postgres, empty: CatalogSettings) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(migrate(empty, PAUSE) for _ in range(4)))
    revision, products = await state(server, empty)
    assert (revision, len(products)) == (NEWEST, 60)


async def test_it_waits_for_another_migration(server: Postgres, empty: CatalogSettings, log: Log) -> None:
    async with server.administrator(empty.postgres_database) as other:
        await other.execute(f"SELECT pg_advisory_lock({LOCK})")
        migrating = asyncio.create_task(migrate(empty, PAUSE))
        await said(log, "waiting for another migration")
        assert not migrating.done()
        assert await state(server, empty) == (None, [])
        await other.execute(f"SELECT pg_advisory_unlock({LOCK})")
        await asyncio.wait_for(migrating, 10)
    assert (await state(server, empty))[0] == NEWEST


async def test_another_migration_that_does_not_end_is_said_in_time(server: Postgres, empty: CatalogSettings) -> None:
    hurried = empty.model_copy(update={"migrate_seconds": 0.2})
    async with server.administrator(empty.postgres_database) as other:
        await other.execute(f"SELECT pg_advisory_lock({LOCK})")
        with pytest.raises(MigrationError, match=r"another migration did not end within 0\.2 s"):
            await asyncio.wait_for(migrate(hurried, PAUSE), 10)
    assert await state(server, empty) == (None, [])


async def test_it_waits_for_a_server_that_is_down(server: Postgres, empty: CatalogSettings, log: Log) -> None:
    await asyncio.to_thread(server.stop)
    try:
        migrating = asyncio.create_task(migrate(empty, PAUSE))
        await said(log, "waiting for the database")
        assert not migrating.done()
    finally:
        await asyncio.to_thread(server.start)
    await asyncio.wait_for(migrating, 20)
    assert (await state(server, empty))[0] == NEWEST


async def test_server_that_stays_down_is_said_in_time(settings: Settings) -> None:
    with reserved_port() as port, pytest.raises(MigrationError, match=r"the database did not answer: .* within 0\.2 s"):
        await asyncio.wait_for(migrate(settings(port, migrate_seconds=0.2), PAUSE), 10)


async def test_all_revisions_happen_or_none(server: Postgres, empty: CatalogSettings) -> None:
    """A rule of the test's own lets revision 0001 pass and 0002 fail; without the rule both pass."""
    async with server.administrator(empty.postgres_database) as administrator:
        await administrator.execute(
            """
            CREATE FUNCTION refuse_mugs() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF to_regclass('products') IS NOT NULL THEN
                    ALTER TABLE products ADD CONSTRAINT no_mugs CHECK (name NOT LIKE '%Mug');
                END IF;
            END $$;
            CREATE EVENT TRIGGER refuse_mugs ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
                EXECUTE FUNCTION refuse_mugs();
            """
        )
        with pytest.raises(Exception, match="no_mugs"):
            await migrate(empty)
        assert await administrator.fetchval("SELECT to_regclass('products')") is None
        assert await administrator.fetchval("SELECT to_regclass('alembic_version')") is None
        await administrator.execute("DROP EVENT TRIGGER refuse_mugs")
    await migrate(empty)
    assert (await state(server, empty))[0] == NEWEST


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


def run_program(**given: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of `python -m app.migrate`, and its log."""
    environment = os.environ | {"POSTGRES_HOST": LOOPBACK} | given
    command = [sys.executable, "-m", "app.migrate"]
    ended = subprocess.run(
        command, cwd=SERVICE, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def test_program_migrates_and_ends_with_0(empty: CatalogSettings) -> None:
    name, file = empty.postgres_database, empty.postgres_password_file
    status, log = run_program(
        POSTGRES_PORT=str(empty.postgres_port),
        POSTGRES_DATABASE=name,
        POSTGRES_USER=name,
        POSTGRES_PASSWORD_FILE=str(file),
    )
    assert (status, log[-1]["event"], log[-1]["service"]) == (0, "migrated", "catalog")
    assert PASSWORD not in json.dumps(log)


def test_program_that_fails_ends_with_1_and_says_why(settings: Settings) -> None:
    with reserved_port() as port:
        file = str(settings(port).postgres_password_file)
        status, log = run_program(POSTGRES_PORT=str(port), POSTGRES_PASSWORD_FILE=file, MIGRATE_SECONDS="0.1")
    assert (status, log[-1]["event"]) == (1, "migration failed")
    assert "the database did not answer" in log[-1]["exception"]


def test_program_with_a_bad_setting_ends_with_78() -> None:
    status, log = run_program(POSTGRES_PASSWORD_FILE="/nothing/here")
    assert (status, log[-1]["event"], log[-1]["value"]) == (78, "setting refused", "/nothing/here")
