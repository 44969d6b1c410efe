"""A Valkey server of the tests' own, on loopback and in a temporary folder; or Redis, its relative.

Its users are those of infra/data/valkey.py, and one who may do all.
"""

import contextlib
import hashlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import LOOPBACK, reserved_port
from valkey import Valkey as BlockingClient
from valkey.asyncio import Valkey
from valkey.exceptions import ConnectionError as NotThere

PASSWORD = "tests-only"
CATALOG = "resetchannels ~catalog:* -@all +get +set +del +eval +evalsha +script|load +ping"
PROGRAMS = ("valkey-server", "redis-server")
NO_PROGRAM = f"needs one of {', '.join(PROGRAMS)} on PATH"
START_SECONDS = 10


class CacheServer:
    """The server on `port`. A test that stops or freezes it brings it back."""

    def __init__(self, program: str, folder: Path, port: int) -> None:
        self.port = port
        self._command = [
            *(program, "--port", str(port), "--bind", LOOPBACK, "--dir", str(folder)),
            *("--save", "", "--appendonly", "no", "--aclfile", str(folder / "users.acl")),
        ]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        hashed = hashlib.sha256(PASSWORD.encode()).hexdigest()
        users = f"user default off\nuser catalog on #{hashed} {CATALOG}\nuser test on nopass ~* &* +@all\n"
        (folder / "users.acl").write_text(users)

    def start(self) -> None:
        """Start it, and return when it answers."""
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        with BlockingClient(host=LOOPBACK, port=self.port, username="test", password="") as client:
            while True:
                try:
                    client.ping()
                    return
                except NotThere:
                    if time.monotonic() > end or self._process.poll() is not None:
                        raise RuntimeError(f"the server did not start:\n{self._log.read_text()}") from None
                    time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections and answers nothing in this block; then it answers all that was asked."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Valkey]:
        """A client that may do all."""
        client = Valkey(host=LOOPBACK, port=self.port, username="test", password="")
        try:
            yield client
        finally:
            await client.aclose()

    def settings(self, secrets: Path) -> dict[str, Any]:
        """The settings of a catalog with this cache, which has time to answer on a busy machine."""
        file = secrets / "valkey-password"
        file.write_text(PASSWORD + "\n")
        return {
            "valkey_host": LOOPBACK,
            "valkey_port": self.port,
            "valkey_password_file": file,
            "valkey_seconds": 5,
        }


@contextlib.contextmanager
def cache_server() -> Iterator[CacheServer]:
    """A server that runs until the end of the block. Skips the test if there is no program."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(NO_PROGRAM)
    with tempfile.TemporaryDirectory(prefix="catalog-cache-") as folder, reserved_port() as port:
        server = CacheServer(program, Path(folder), port)
        server.start()
        try:
            yield server
        finally:
            server.kill()
