"""The connection to PostgreSQL. Owns how it is made, how a lost one is met, and what is said while there is none.

Needs the extra `postgres`. The services own their tables and what they ask.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from pydantic import Field
from sqlalchemy import URL, event, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem
from blueprint_kit.settings import ServiceSettings, own_name, read_secret

Result = TypeVar("Result")

CONFLICTS = 5  # how often a transaction that another one got in the way of runs again
CONFLICT_PAUSE_SECONDS = 0.02  # before the first of them, doubled with each

# A transaction whose process is gone with its node is ended by the server: its locks would last as long as TCP hopes.
GONE_MILLISECONDS = 15_000

# SQLSTATE: connection exceptions, wrong or missing login, no room, and a server that starts or stops
_AWAY = ("08", "28", "53", "57P", "3D000")
_CONFLICT = ("40001", "40P01")  # serialization failure, deadlock

log = logger(__name__)


class PostgresSettings(ServiceSettings):
    """The settings of a service with a database, beside those of every service."""

    postgres_host: str = Field(min_length=1, description="the host of the PostgreSQL server")
    postgres_port: int = Field(5432, ge=1, le=65535, description="its port")
    postgres_database: str = Field(default_factory=own_name, min_length=1, description="the database of this service")
    postgres_user: str = Field(default_factory=own_name, min_length=1, description="the login of this service")
    postgres_password_file: Path = Field(description="the file that holds the login's password")
    postgres_connections: int = Field(5, ge=1, le=100, description="how many connections one process may hold")
    postgres_seconds: float = Field(3, gt=0, le=60, description="how long a connection or a statement may take")

    migrate_seconds: float = Field(
        120, gt=0, le=3600, description="how long the migration may wait for the server and for other migrations"
    )


class DatabaseUnavailable(Problem):
    """503: there is no connection to the database, or it does not answer in time, or it is too busy."""

    def __init__(self) -> None:
        detail = "the service's database does not answer; try again"
        super().__init__(503, detail, kind="database-unavailable", headers={"Retry-After": "1"})


class Database:
    """The pool of connections that all work of a process shares.

    `read` and `write` get a function that may run more than once, so it does nothing but talk to its session.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self.engine = engine(settings)
        self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ")

    async def read(self, query: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """What `query` finds, in one snapshot. It runs again, once, on a new connection if the server went away.

        Raises DatabaseUnavailable.
        """

        async def run() -> Result:
            async with AsyncSession(self._reading, expire_on_commit=False) as session:
                return await query(session)

        return await _run_again(run, repeatable=True)

    async def write(self, change: Callable[[AsyncSession], Awaitable[Result]], *, repeatable: bool = False) -> Result:
        """What `change` returns, once its transaction (READ COMMITTED) is committed; an error rolls it back.

        It runs again if it was rolled back for another transaction's sake. A server that goes away leaves open whether
        the commit happened: with `repeatable`, for a change that may happen twice, it runs again, once.

        Raises DatabaseUnavailable.
        """

        async def run() -> Result:
            async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
                return await change(session)

        return await _run_again(run, repeatable=repeatable)

    async def check(self) -> None:
        """Return when the database answers, else raise what it failed with."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


async def _run_again(run: Callable[[], Awaitable[Result]], *, repeatable: bool) -> Result:
    """Run until it succeeds, or cannot be mended by running it again. Raises DatabaseUnavailable."""
    conflicts, lost = 0, False
    while True:
        try:
            return await run()
        except Exception as error:
            conflict = is_conflict(error)
            if not conflict and not is_away(error):
                raise
            spent = conflicts == CONFLICTS if conflict else lost or not repeatable
            if spent:
                log.warning("database unavailable", error=repr(error))
                raise DatabaseUnavailable from error
            log.warning("trying the database again", conflict=conflict, error=repr(error))
        if conflict:
            await asyncio.sleep(CONFLICT_PAUSE_SECONDS * 2.0**conflicts * _chance())
            conflicts += 1
        else:
            lost = True


def _chance() -> float:
    return 0.5 + 0.5 * random.random()  # noqa: S311 - jitter is no secret


def engine(settings: PostgresSettings, *, pooled: bool = True) -> AsyncEngine:
    """The engine for the service's own database and login. The password's file is read for each new connection."""
    address = URL.create(
        "postgresql+asyncpg",
        username=settings.postgres_user,
        host=settings.postgres_host,
        port=settings.postgres_port,
        database=settings.postgres_database,
    )
    arguments: dict[str, Any] = {
        "timeout": settings.postgres_seconds,
        "server_settings": {
            "application_name": f"{settings.service_name}/{settings.service_version}",
            "idle_in_transaction_session_timeout": str(GONE_MILLISECONDS),
        },
    }
    if not pooled:
        made = create_async_engine(address, poolclass=NullPool, connect_args=arguments)
    else:
        arguments["command_timeout"] = settings.postgres_seconds
        made = create_async_engine(
            address,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=settings.postgres_connections,
            max_overflow=0,
            pool_timeout=settings.postgres_seconds,
            pool_recycle=300,
            connect_args=arguments,
        )

    @event.listens_for(made.sync_engine, "do_connect")
    def _read_password(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        parameters["password"] = read_secret(settings.postgres_password_file)

    return made


def is_away(error: BaseException) -> bool:
    """Whether an error says that the server is not there now, rather than that the statement is wrong."""
    if isinstance(error, exc.TimeoutError | OSError | TimeoutError):  # no free connection, no network, no answer
        return True
    if isinstance(error, exc.DBAPIError):
        return error.connection_invalidated or (error.orig is not None and _server_says_away(error.orig))
    return _server_says_away(error)


def is_conflict(error: BaseException) -> bool:
    """Whether the server rolled a transaction back for another one's sake: it may well succeed when it runs again."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return cause is not None and any(_state(seen) in _CONFLICT for seen in (cause, cause.__cause__))


def _server_says_away(error: BaseException) -> bool:
    for seen in (error, error.__cause__):
        # InternalClientError: the connection broke in the midst of a statement, and its client lost track
        if isinstance(seen, asyncpg.InterfaceError | asyncpg.InternalClientError | OSError | TimeoutError):
            return True
        if _state(seen).startswith(_AWAY):
            return True
    return False


def _state(error: BaseException | None) -> str:
    """The SQLSTATE that the server gave, if it did."""
    return str(getattr(error, "sqlstate", None) or "")
