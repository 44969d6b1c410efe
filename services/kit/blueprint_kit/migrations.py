"""Brings a service's database to this version's schema. A service's `app/migrate.py` calls `main`, in a Job.

Waits for the server, then for its turn (an advisory lock), so it may run twice or at the same time. All migrations of
a run are one transaction: either they all happened or none. Needs the extra `postgres`.

The service's `migrations/env.py` uses the connection and the transaction that are opened here:

    context.configure(connection=context.config.attributes["connection"], target_metadata=…, transactional_ddl=True)
    context.run_migrations()
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from blueprint_kit.logs import configure_logs, logger
from blueprint_kit.postgres import PostgresSettings, engine, is_away
from blueprint_kit.server import EXIT_FAILED, refuse
from blueprint_kit.settings import SettingsError, load_settings, read_secret

LOCK = 5_127_001  # any number, the same in every version; each service has its own database, so its own lock
PAUSE_SECONDS = 1.0

log = logger(__name__)


class MigrationError(Exception):
    """The migration could not run in its time."""


def main(settings: type[PostgresSettings], migrations: Path) -> None:
    """The program: runs the revisions in the folder `migrations`. Exits with 0, 1 (failed) or 78 (refused settings)."""
    try:
        loaded = load_settings(settings)
        read_secret(loaded.postgres_password_file)
    except SettingsError as error:
        refuse(error)
        return
    configure_logs(loaded)
    try:
        asyncio.run(migrate(loaded, migrations))
    except Exception:
        log.exception("migration failed")
        raise SystemExit(EXIT_FAILED) from None
    log.info("migrated")


async def migrate(settings: PostgresSettings, migrations: Path, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Upgrade to the newest revision in `migrations`. Raises MigrationError when the time is over first."""
    deadline = Deadline(settings.migrate_seconds)
    maker = engine(settings, pooled=False)
    try:
        while True:
            try:
                async with maker.connect() as connection:
                    await _take_turn(connection, deadline, pause_seconds)
                    await connection.run_sync(_upgrade, migrations)
                    await connection.commit()
                return
            except Exception as error:
                if not is_away(error):
                    raise
                log.info("waiting for the database", error=repr(error))
                await deadline.wait(pause_seconds, f"the database did not answer: {error!r}")
    finally:
        await maker.dispose()


class Deadline:
    """The time that all waiting together may take."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    async def wait(self, seconds: float, reason: str) -> None:
        """Wait a little, or raise MigrationError with the reason if there is no time left."""
        if self._clock() + seconds > self._end:
            raise MigrationError(f"{reason} within {self._seconds:g} s")
        await asyncio.sleep(seconds)


async def _take_turn(connection: AsyncConnection, deadline: Deadline, pause_seconds: float) -> None:
    """Take the lock, which ends with the transaction."""
    while not await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}):
        log.info("waiting for another migration")
        await deadline.wait(pause_seconds, "another migration did not end")


def _upgrade(connection: Connection, migrations: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))  # it is a template to Alembic
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
