"""The database: what counts as one that is away, how transactions end, and which of them run again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
from blueprint_testing.postgres import Postgres
from databases import MIGRATIONS, new_settings
from sqlalchemy import exc, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from blueprint_kit import postgres
from blueprint_kit.migrations import migrate
from blueprint_kit.postgres import CONFLICTS, Database, DatabaseUnavailable, is_away, is_conflict
from blueprint_kit.problems import Problem

AWAY = [
    asyncpg.ConnectionDoesNotExistError("closed"),
    asyncpg.InvalidPasswordError("the login is not there yet"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.AdminShutdownError("stops"),
    asyncpg.CannotConnectNowError("starts"),
    asyncpg.InvalidCatalogNameError("the database is not there yet"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
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


CONFLICT = [asyncpg.SerializationError("concurrent update"), asyncpg.DeadlockDetectedError("deadlock")]


@pytest.mark.parametrize("error", CONFLICT, ids=lambda error: type(error).__name__)
def test_transaction_that_gave_way_to_another_is_in_conflict_and_not_away(error: Exception) -> None:
    assert is_conflict(wrapped(error))
    assert not is_away(wrapped(error))


@pytest.mark.parametrize("error", AWAY + WRONG, ids=lambda error: type(error).__name__)
def test_other_errors_are_no_conflict(error: Exception) -> None:
    assert not is_conflict(error)
    assert not is_conflict(wrapped(error))


@pytest.fixture(scope="module")
async def name(server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The database that has the things."""
    settings = await new_settings(server, tmp_path_factory.mktemp("secrets"))
    await migrate(settings, MIGRATIONS)
    yield settings.postgres_database


@pytest.fixture
async def database(
    server: Postgres, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    """The service's database, with ten mugs and ten pans."""
    monkeypatch.setattr(postgres, "CONFLICT_PAUSE_SECONDS", 0.001)
    settings = postgres.PostgresSettings(service_name="sample", **server.settings(name, tmp_path))
    async with server.administrator(name) as administrator:
        await administrator.execute("UPDATE things SET count = 10")
    made = Database(settings)
    yield made
    await made.close()


async def count(server: Postgres, database: str, thing: str = "mug") -> int:
    """How many there are, as everybody sees it."""
    async with server.administrator(database) as administrator:
        found = await administrator.fetchval("SELECT count FROM things WHERE name = $1", thing)
    return int(found)


async def take(session: AsyncSession, thing: str = "mug", many: int = 1) -> int:
    """Take some of a thing; how many are left."""
    change = text("UPDATE things SET count = count - :many WHERE name = :thing RETURNING count")
    left = await session.scalar(change, {"thing": thing, "many": many})
    assert isinstance(left, int)
    return left


async def test_write_is_committed_when_it_returns(server: Postgres, name: str, database: Database) -> None:
    assert await database.write(take) == 9
    assert await count(server, name) == 9


@pytest.mark.parametrize("error", [Problem(409, "out of stock"), KeyError("sku"), asyncio.CancelledError()], ids=repr)
async def test_write_that_raises_changes_nothing_and_runs_once(
    server: Postgres, name: str, database: Database, error: BaseException
) -> None:
    runs = 0

    async def change(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        await take(session)
        raise error

    with pytest.raises(type(error)):
        await database.write(change, repeatable=True)
    assert (runs, await count(server, name)) == (1, 10)


async def test_write_that_breaks_a_rule_of_the_table_says_so(server: Postgres, name: str, database: Database) -> None:
    with pytest.raises(IntegrityError, match="things_count_not_negative"):
        await database.write(lambda session: take(session, many=11))
    assert await count(server, name) == 10


async def test_writes_at_the_same_time_are_all_counted(server: Postgres, name: str, database: Database) -> None:
    lefts = await asyncio.gather(*(database.write(take) for _ in range(10)))
    assert sorted(lefts) == list(range(10))
    assert await count(server, name) == 0


async def test_write_sees_what_others_committed_meanwhile(server: Postgres, name: str, database: Database) -> None:
    async def change(session: AsyncSession) -> int:
        await session.execute(select(1))
        async with server.administrator(name) as administrator:
            await administrator.execute("UPDATE things SET count = 5 WHERE name = 'mug'")
        return await take(session)

    assert await database.write(change) == 4


async def test_deadlock_is_mended_by_running_again(server: Postgres, name: str, database: Database) -> None:
    """Two writes that take the same rows in opposite orders, each after the other has its first."""
    both, runs = asyncio.Barrier(2), 0

    def crossing(first: str, second: str) -> Callable[[AsyncSession], Awaitable[int]]:
        met = False

        async def change(session: AsyncSession) -> int:
            nonlocal met, runs
            runs += 1
            await take(session, first)
            if not met:
                met = True
                await both.wait()
            return await take(session, second)

        return change

    await asyncio.gather(database.write(crossing("mug", "pan")), database.write(crossing("pan", "mug")))
    assert runs == 3
    assert (await count(server, name, "mug"), await count(server, name, "pan")) == (8, 8)


async def test_conflicts_without_end_are_unavailable_in_the_end(database: Database) -> None:
    runs = 0

    async def change(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        await session.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$"))

    with pytest.raises(DatabaseUnavailable):
        await database.write(change)
    assert runs == CONFLICTS + 1


async def broken(server: Postgres, name: str, session: AsyncSession) -> None:
    """Lose the connection in the midst of a transaction."""
    await session.execute(select(1))
    await server.break_connections(name)
    await session.execute(select(1))


async def test_write_that_loses_its_connection_runs_once(server: Postgres, name: str, database: Database) -> None:
    runs = 0

    async def change(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        await take(session)
        await broken(server, name, session)

    with pytest.raises(DatabaseUnavailable):
        await database.write(change)
    assert (runs, await count(server, name)) == (1, 10)


async def test_repeatable_write_that_loses_its_connection_runs_again_once(
    server: Postgres, name: str, database: Database
) -> None:
    breaks, runs = [True, False, True, True], 0

    async def change(session: AsyncSession) -> int:
        nonlocal runs
        runs += 1
        left = await take(session)
        if breaks.pop(0):
            await broken(server, name, session)
        return left

    assert await database.write(change, repeatable=True) == 9
    with pytest.raises(DatabaseUnavailable):
        await database.write(change, repeatable=True)
    assert (runs, await count(server, name)) == (4, 9)


async def test_read_that_loses_its_connection_runs_again_once(server: Postgres, name: str, database: Database) -> None:
    breaks, runs = [True, False, True, True], 0

    async def query(session: AsyncSession) -> bool:
        nonlocal runs
        runs += 1
        if breaks.pop(0):
            await broken(server, name, session)
        return bool(await session.scalar(select(1)))

    assert (await database.read(query), runs) == (True, 2)
    with pytest.raises(DatabaseUnavailable):
        await database.read(query)
    assert (breaks, runs) == ([], 4)


async def test_read_that_is_wrong_runs_once(database: Database) -> None:
    runs = 0

    async def query(session: AsyncSession) -> None:
        nonlocal runs
        runs += 1
        await session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(ProgrammingError, match="no_such_table"):
        await database.read(query)
    assert runs == 1


async def test_read_is_of_one_moment(server: Postgres, name: str, database: Database) -> None:
    counted = text("SELECT sum(count) FROM things")

    async def twice(session: AsyncSession) -> tuple[int | None, int | None]:
        before = await session.scalar(counted)
        async with server.administrator(name) as administrator:
            await administrator.execute("UPDATE things SET count = 0")
        return before, await session.scalar(counted)

    assert await database.read(twice) == (20, 20)
    assert await database.read(lambda session: session.scalar(counted)) == 0


async def test_writes_and_reads_keep_their_isolation_on_the_same_connection(
    server: Postgres, name: str, tmp_path: Path
) -> None:
    settings = postgres.PostgresSettings(
        service_name="sample", postgres_connections=1, **server.settings(name, tmp_path)
    )
    database, shown = Database(settings), text("SHOW transaction_isolation")
    for _ in range(2):
        assert await database.write(lambda session: session.scalar(shown)) == "read committed"
        assert await database.read(lambda session: session.scalar(shown)) == "repeatable read"
    await database.close()


async def test_database_that_is_away_and_comes_back(server: Postgres, name: str, database: Database) -> None:
    await database.check()
    async with server.stopped():
        for work in (database.read, database.write):
            with pytest.raises(DatabaseUnavailable):
                await work(take)
        with pytest.raises(OSError):
            await database.check()
    assert await database.write(take) == 9


async def test_what_was_committed_survives_a_crash(server: Postgres, name: str, database: Database) -> None:
    await database.write(take)
    await asyncio.to_thread(server.crash)
    await asyncio.to_thread(server.start)
    assert await database.write(take) == 8
    assert await count(server, name) == 8


def test_database_and_login_are_named_after_the_service() -> None:
    settings = postgres.PostgresSettings(
        service_name="orders", postgres_host="postgres.data", postgres_password_file=Path("/run/secrets/password")
    )
    assert (settings.postgres_database, settings.postgres_user) == ("orders", "orders")
