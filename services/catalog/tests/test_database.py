"""What counts as a database that is away, without one."""

import asyncpg
import pytest
from sqlalchemy import exc

from app.database import is_away

AWAY = [
    asyncpg.ConnectionDoesNotExistError("closed"),
    asyncpg.InvalidPasswordError("the login is not there yet"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.AdminShutdownError("stops"),
    asyncpg.CannotConnectNowError("starts"),
    asyncpg.InvalidCatalogNameError("the database is not there yet"),
    asyncpg.InterfaceError("connection is closed"),
    ConnectionRefusedError("nobody listens"),
    TimeoutError("no answer"),
]
WRONG = [
    asyncpg.UndefinedTableError("no such table"),
    asyncpg.UniqueViolationError("twice"),
    asyncpg.PostgresSyntaxError("typing mistake"),
    asyncpg.InsufficientPrivilegeError("not yours"),
    ValueError("a defect"),
]


def wrapped(error: Exception) -> exc.DBAPIError:
    """The error as SQLAlchemy raises it."""
    adapted = Exception(str(error))
    adapted.__cause__ = error
    return exc.DBAPIError("SELECT 1", None, adapted)


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_server_that_is_not_there_now_is_away(error: Exception) -> None:
    assert is_away(error)
    assert is_away(wrapped(error))


@pytest.mark.parametrize("error", WRONG, ids=lambda error: type(error).__name__)
def test_wrong_statement_is_not_away(error: Exception) -> None:
    assert not is_away(error)
    assert not is_away(wrapped(error))


def test_no_free_connection_is_away() -> None:
    assert is_away(exc.TimeoutError("QueuePool limit reached"))
