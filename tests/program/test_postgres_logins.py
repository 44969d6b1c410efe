"""What PostgreSQL's image makes of the passwords that it is given, on a real server of the host's."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

LOGINS = Path(__file__).parents[2] / "images" / "recipes" / "postgres" / "logins"
USER = "nobody"
SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server that is reached by its socket alone, where everybody is believed."""

    programs: Path
    folder: Path

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a program beside the server, as somebody who is not root."""
        path = f"{self.programs}:/usr/bin:/bin"
        return subprocess.run(
            command,
            env={"PATH": path, "PGCONNECT_TIMEOUT": "5", **environment},
            cwd=self.folder,
            user=USER if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def ask(self, user: str, database: str, statement: str) -> str:
        """What somebody gets for a statement: the rows, or the server's refusal."""
        command = ["psql", f"--host={self.folder}", f"--username={user}", f"--dbname={database}", "--no-psqlrc", "-tA"]
        done = self.run(*command, "--set=ON_ERROR_STOP=1", "--command", statement)
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()

    def make_logins(self, monitor: str) -> None:
        """What the image does at each start."""
        done = self.run(
            "sh", str(LOGINS), str(self.folder), POSTGRES_PASSWORDS=f"{self.folder}/secrets", POSTGRES_MONITOR=monitor
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with one service's login and the exporter's, made twice as by two starts."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found:
        pytest.skip("needs PostgreSQL's programs in /usr/lib/postgresql/*/bin")
    folder = Path(tempfile.mkdtemp(prefix="logins-"))
    made = Server(found[-1].parent, folder)
    try:
        (folder / "secrets").mkdir()
        for name in ("postgres", "catalog", "exporter"):
            (folder / "secrets" / name).write_text(f"{name}'s")
        if os.geteuid() == 0:
            owner = pwd.getpwnam(USER)
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        data = f"--pgdata={folder}/data"
        said = made.run("initdb", data, "--username=postgres", "--auth=trust", "--locale=C", "--no-sync")
        assert said.returncode == 0, said.stderr
        options = f"--options=-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        assert made.run("pg_ctl", data, "--wait", f"--log={folder}/log", options, "start").returncode == 0
        for _ in range(2):
            made.make_logins("exporter")
        made.ask("catalog", "catalog", "CREATE TABLE products (sku text); INSERT INTO products VALUES ('one')")
        yield made
    finally:
        made.run("pg_ctl", f"--pgdata={folder}/data", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(folder)


def test_the_exporter_sees_every_database_s_figures(server: Server) -> None:
    """Of pg_stat_activity, a login without pg_monitor sees its own sessions alone."""
    assert server.ask("exporter", "postgres", "SELECT pg_has_role('pg_monitor', 'MEMBER')") == "t"
    seen = server.ask("exporter", "postgres", "SELECT datname FROM pg_stat_database WHERE datname = 'catalog'")
    assert seen == "catalog"
    assert int(server.ask("exporter", "postgres", "SELECT pg_database_size('catalog')")) > 0
    assert int(server.ask("exporter", "postgres", "SELECT count(*) FROM pg_ls_waldir()")) > 0


def test_the_exporter_comes_into_no_service_s_database_and_has_none(server: Server) -> None:
    assert "permission denied for database" in server.ask("exporter", "catalog", "SELECT 1")
    assert server.ask("postgres", "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'exporter'") == "0"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (one int)",
        "CREATE TEMPORARY TABLE mine (one int)",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "ALTER ROLE catalog PASSWORD 'mine'",
        "SELECT rolpassword FROM pg_authid",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_the_exporter_changes_nothing_and_reads_nothing_else(server: Server, statement: str) -> None:
    answer = server.ask("exporter", "postgres", statement)
    assert "permission denied" in answer or "must be" in answer, answer


def test_a_service_comes_into_its_own_database_alone(server: Server) -> None:
    assert server.ask("catalog", "catalog", "SELECT sku FROM products") == "one"
    assert "permission denied for database" in server.ask("catalog", "postgres", "SELECT 1")


def test_without_a_monitor_everybody_has_a_database(server: Server) -> None:
    server.make_logins("")
    assert server.ask("exporter", "exporter", "SELECT 1") == "1"
    server.ask("postgres", "postgres", "DROP DATABASE exporter")
