"""The connection to PostgreSQL. Owns how it is made, how a lost one is met, and what is said while there is none."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL, event, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.settings import CatalogSettings
from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem
from blueprint_kit.settings import read_secret

Found = TypeVar("Found")

# SQLSTATE: connection exceptions, wrong or missing login, no room, and a server that starts or stops
_AWAY = ("08", "28", "53", "57P", "3D000")

log = logger(__name__)


class DatabaseUnavailable(Problem):
    """503: there is no connection to the database, or it does not answer in time."""

    def __init__(self) -> None:
        detail = "the catalog's database does not answer; try again"
        super().__init__(503, detail, kind="database-unavailable", headers={"Retry-After": "1"})


class Database:
    """The pool of connections that requests share."""

    def __init__(self, settings: CatalogSettings) -> None:
        self.engine = engine(settings)

    async def read(self, query: Callable[[AsyncSession], Awaitable[Found]]) -> Found:
        """What `query` finds, in one snapshot. It runs again, once, on a new connection if the server went away.

        Raises DatabaseUnavailable.
        """
        try:
            return await self._run(query)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("database lost, trying again", error=repr(error))
        try:
            return await self._run(query)
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("database unavailable", error=repr(error))
            raise DatabaseUnavailable from error

    async def check(self) -> None:
        """Return when the database answers, else raise what it failed with."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def _run(self, query: Callable[[AsyncSession], Awaitable[Found]]) -> Found:
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            return await query(session)


def engine(settings: CatalogSettings, *, pooled: bool = True) -> AsyncEngine:
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
        "server_settings": {"application_name": f"{settings.service_name}/{settings.service_version}"},
    }
    if not pooled:
        made = create_async_engine(address, poolclass=NullPool, connect_args=arguments)
    else:
        arguments["command_timeout"] = settings.postgres_seconds
        made = create_async_engine(
            address,
            isolation_level="REPEATABLE READ",
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


def _server_says_away(error: BaseException) -> bool:
    for seen in (error, error.__cause__):
        if isinstance(seen, asyncpg.InterfaceError | OSError | TimeoutError):
            return True
        state = str(getattr(seen, "sqlstate", None) or "")
        if state.startswith(_AWAY):
            return True
    return False
