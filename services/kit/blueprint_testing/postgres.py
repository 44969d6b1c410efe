"""A PostgreSQL server of the tests' own: on loopback, in a temporary folder, as an unprivileged user.

Owns the server and its databases. It uses the programs that are on the host and installs nothing.

A service's conftest.py:

    @pytest.fixture(scope="session")
    def server() -> Iterator[Postgres]:
        with postgres_server() as server:
            yield server
"""

import asyncio
import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from blueprint_testing import LOOPBACK, eventually, reserved_port

PASSWORD = "tests-only"
NO_PROGRAMS = "needs PostgreSQL's programs in /usr/lib/postgresql/*/bin or on PATH"
START_SECONDS = 30


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs, of the newest version where there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[4]))
    on_path = shutil.which("pg_ctl")
    if on_path is not None:
        found.insert(0, Path(on_path).resolve())
    return found[-1].parent if found else None


class Postgres:
    """The server on `port`, with its data in `folder`."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self.port = port
        self._programs = programs
        self._folder = folder
        self._numbers = itertools.count(1)

    def create(self) -> None:
        """Make the data directory of a server that only loopback reaches, whose data need not survive the host."""
        password = self._folder / "password"
        password.write_text(PASSWORD)
        options = ("--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--locale=C", "--no-sync")
        self._run("initdb", "--pgdata", str(self._data), "--encoding=UTF8", *options)
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"listen_addresses = '{LOOPBACK}'\nport = {self.port}\n")
            configuration.write("unix_socket_directories = ''\nfsync = off\n")

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        self._control("start", "--log", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop it at once: its connections are broken, as when its pod is evicted."""
        self._control("stop", "--mode=fast")

    def crash(self) -> None:
        """End it without a word to its clients, as when its node dies: what was not committed is gone."""
        self._control("stop", "--mode=immediate")

    @contextlib.asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """The server is down in this block."""
        await asyncio.to_thread(self.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(self.start)

    @contextlib.asynccontextmanager
    async def administrator(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        """A connection of the superuser."""
        connection = await asyncpg.connect(
            host=LOOPBACK, port=self.port, user="postgres", password=PASSWORD, database=database, ssl=False
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def new_database(self, prefix: str = "tests") -> str:
        """An empty database, and the login of the same name with `PASSWORD` that owns it."""
        name = f"{prefix}_{next(self._numbers)}"
        async with self.administrator() as connection:
            await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
            await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
        return name

    async def break_connections(self, database: str) -> None:
        """End all connections to the database from the server's side, and return when they are gone."""
        theirs = "FROM pg_stat_activity WHERE datname = $1"
        async with self.administrator() as administrator:

            async def gone() -> bool:
                return bool(await administrator.fetchval(f"SELECT count(*) = 0 {theirs}", database))

            assert not await gone(), "there was none to break"
            await administrator.execute(f"SELECT pg_terminate_backend(pid) {theirs}", database)
            await eventually(gone)

    def settings(self, database: str, secrets: Path) -> dict[str, Any]:
        """The settings of a service whose database is `database`; a new file in `secrets` holds its password."""
        file = secrets / f"{database}-password"
        file.write_text(PASSWORD + "\n")
        address = {"postgres_host": LOOPBACK, "postgres_port": self.port, "postgres_password_file": file}
        return {**address, "postgres_database": database, "postgres_user": database}

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _control(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, "--wait", f"--timeout={START_SECONDS}", "--pgdata", str(self._data), *options)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, which refuse to be root's, as the owner of the folder."""
        owner = pwd.getpwuid(self._folder.stat().st_uid) if os.geteuid() == 0 else None
        command = [str(self._programs / program), *arguments]
        output = self._folder / f"{program}.output"
        with output.open("w") as file:
            ended = subprocess.run(
                command,
                check=False,
                cwd=self._folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},  # not the PG* variables of whoever runs the tests
                user=owner and owner.pw_uid,
                group=owner and owner.pw_gid,
                extra_groups=owner and [],
                stdout=file,
                stderr=file,
            )
        if ended.returncode:
            logs = [path.read_text() for path in (output, self._folder / "log") if path.exists()]
            raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n" + "\n".join(logs))


@contextlib.contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server that runs, and is gone with its data at the end of the block. Skips the test if there are no programs.

    A test may stop it, if it starts it again.
    """
    programs = find_programs()
    if programs is None:
        pytest.skip(NO_PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="tests-postgres-") as made, reserved_port() as port:
        if os.geteuid() == 0:
            shutil.chown(made, unprivileged_user())
        server = Postgres(programs, Path(made), port)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def unprivileged_user() -> str:
    """Who runs the server when root runs the tests."""
    names = {user.pw_name for user in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
