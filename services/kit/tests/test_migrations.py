"""Migrations, on a real PostgreSQL: forward, again, at the same time, and while there is no server."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import LOCAL, LOOPBACK, eventually, reserved_port
from blueprint_testing.postgres import PASSWORD, Postgres
from databases import MIGRATIONS, new_settings
from structlog.testing import capture_logs

from blueprint_kit.migrations import LOCK, MigrationError, migrate
from blueprint_kit.postgres import PostgresSettings
from blueprint_kit.settings import load_settings

PAUSE = 0.02
Log = list[MutableMapping[str, Any]]


@pytest.fixture
async def empty(server: Postgres, tmp_path: Path) -> PostgresSettings:
    return await new_settings(server, tmp_path, migrate_seconds=20)


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as log:
        yield log


async def said(log: Log, event: str) -> None:
    """Wait until a line of the log says `event`."""

    async def came() -> bool:
        return any(line["event"] == event for line in log)

    await eventually(came)


async def state(server: Postgres, settings: PostgresSettings) -> tuple[str | None, list[str]]:
    """The revision, none before the first, and the names of the things."""
    async with server.administrator(settings.postgres_database) as connection:
        if await connection.fetchval("SELECT to_regclass('things')") is None:
            return None, []
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision, [row["name"] for row in await connection.fetch("SELECT name FROM things ORDER BY name")]


NONE: tuple[str | None, list[str]] = (None, [])
NEWEST = ("0002", ["mug", "pan"])


async def test_forward_and_again(server: Postgres, empty: PostgresSettings) -> None:
    assert await state(server, empty) == NONE
    await migrate(empty, MIGRATIONS)
    assert await state(server, empty) == NEWEST
    await migrate(empty, MIGRATIONS)
    assert await state(server, empty) == NEWEST


async def test_runs_at_the_same_time_take_turns(server: Postgres, empty: PostgresSettings) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(migrate(empty, MIGRATIONS, PAUSE) for _ in range(4)))
    assert await state(server, empty) == NEWEST


async def test_it_waits_for_another_migration(server: Postgres, empty: PostgresSettings, log: Log) -> None:
    async with server.administrator(empty.postgres_database) as other:
        await other.execute(f"SELECT pg_advisory_lock({LOCK})")
        migrating = asyncio.create_task(migrate(empty, MIGRATIONS, PAUSE))
        await said(log, "waiting for another migration")
        assert not migrating.done()
        assert await state(server, empty) == NONE
        await other.execute(f"SELECT pg_advisory_unlock({LOCK})")
        await asyncio.wait_for(migrating, 10)
    assert await state(server, empty) == NEWEST


async def test_another_migration_that_does_not_end_is_said_in_time(server: Postgres, empty: PostgresSettings) -> None:
    hurried = empty.model_copy(update={"migrate_seconds": 0.2})
    async with server.administrator(empty.postgres_database) as other:
        await other.execute(f"SELECT pg_advisory_lock({LOCK})")
        with pytest.raises(MigrationError, match=r"another migration did not end within 0\.2 s"):
            await asyncio.wait_for(migrate(hurried, MIGRATIONS, PAUSE), 10)
    assert await state(server, empty) == NONE


async def test_it_waits_for_a_server_that_is_down(server: Postgres, empty: PostgresSettings, log: Log) -> None:
    async with server.stopped():
        migrating = asyncio.create_task(migrate(empty, MIGRATIONS, PAUSE))
        await said(log, "waiting for the database")
        assert not migrating.done()
    await asyncio.wait_for(migrating, 20)
    assert await state(server, empty) == NEWEST


def without_server(port: int, secrets: Path) -> dict[str, Any]:
    """The settings of a service whose server is not there."""
    password = secrets / "password"
    password.write_text(PASSWORD)
    return {"postgres_host": LOOPBACK, "postgres_port": port, "postgres_password_file": password}


async def test_server_that_stays_down_is_said_in_time(tmp_path: Path) -> None:
    with reserved_port() as port:
        given = without_server(port, tmp_path) | {"migrate_seconds": 0.2}
        settings = load_settings(PostgresSettings, service_name="sample", **LOCAL, **given)
        with pytest.raises(MigrationError, match=r"the database did not answer: .* within 0\.2 s"):
            await asyncio.wait_for(migrate(settings, MIGRATIONS, PAUSE), 10)


async def test_all_revisions_happen_or_none(server: Postgres, empty: PostgresSettings) -> None:
    """A rule of the test's own lets revision 0001 pass and 0002 fail; without the rule both pass."""
    async with server.administrator(empty.postgres_database) as administrator:
        await administrator.execute(
            """
            CREATE FUNCTION refuse_mugs() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF to_regclass('things') IS NOT NULL THEN
                    ALTER TABLE things ADD CONSTRAINT no_mugs CHECK (name <> 'mug');
                END IF;
            END $$;
            CREATE EVENT TRIGGER refuse_mugs ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
                EXECUTE FUNCTION refuse_mugs();
            """
        )
        with pytest.raises(Exception, match="no_mugs"):
            await migrate(empty, MIGRATIONS)
        assert await administrator.fetchval("SELECT to_regclass('things')") is None
        assert await administrator.fetchval("SELECT to_regclass('alembic_version')") is None
        await administrator.execute("DROP EVENT TRIGGER refuse_mugs")
    await migrate(empty, MIGRATIONS)
    assert await state(server, empty) == NEWEST


PROGRAM = f"""
from pathlib import Path
from blueprint_kit.migrations import main
from blueprint_kit.postgres import PostgresSettings
main(PostgresSettings, Path({str(MIGRATIONS)!r}))
"""


def run_program(given: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of a service's program that migrates, and its log."""
    environment = os.environ | {"SERVICE_NAME": "sample"} | {name.upper(): str(value) for name, value in given.items()}
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def test_program_migrates_and_ends_with_0(empty: PostgresSettings) -> None:
    status, log = run_program({name: value for name, value in empty if name.startswith("postgres_")})
    assert (status, log[-1]["event"], log[-1]["service"]) == (0, "migrated", "sample")
    assert PASSWORD not in json.dumps(log)


def test_program_that_fails_ends_with_1_and_says_why(tmp_path: Path) -> None:
    with reserved_port() as port:
        status, log = run_program(without_server(port, tmp_path) | {"migrate_seconds": 0.1})
    assert (status, log[-1]["event"]) == (1, "migration failed")
    assert "the database did not answer" in log[-1]["exception"]


def test_program_with_a_bad_setting_ends_with_78() -> None:
    status, log = run_program({"postgres_host": LOOPBACK, "postgres_password_file": "/nothing/here"})
    assert (status, log[-1]["event"], log[-1]["value"]) == (78, "setting refused", "/nothing/here")
