"""A NATS server of the tests' own, with JetStream: on loopback, in a temporary folder.

Owns the server and its streams. It uses the program that is on the host and installs nothing.

A service's conftest.py:

    @pytest.fixture(scope="session")
    def broker() -> Iterator[Nats]:
        with nats_server("orders", "report") as broker:
            yield broker

and in a test, or a fixture: `await broker.new_stream("ORDERS", "orders.>")`, and
`load_settings(OrdersSettings, **LOCAL, **broker.settings("orders", tmp_path))`.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StorageType, StreamConfig

from blueprint_testing import LOOPBACK, reserved_port

PASSWORD = "tests-only"
ADMINISTRATOR = "tests"
NO_PROGRAM = "needs the program nats-server on PATH or in /usr/sbin"
START_SECONDS = 10.0


def find_program() -> Path | None:
    """The server's program."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/bin")
    return Path(found) if found else None


class Nats:
    """The server on `port`, with its data in `folder`."""

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self.port = port
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"nats://{LOOPBACK}:{self.port}"

    def configure(self, users: tuple[str, ...]) -> None:
        """Make its configuration: JetStream, and the `users` who may do everything, with `PASSWORD`."""
        configuration = {
            "listen": f"{LOOPBACK}:{self.port}",
            "jetstream": {"store_dir": str(self._folder / "data"), "max_mem": 0, "max_file": 1 << 30},
            "authorization": {"users": [{"user": user, "password": PASSWORD} for user in (ADMINISTRATOR, *users)]},
        }
        (self._folder / "nats.json").write_text(json.dumps(configuration))  # its own format takes JSON as well

    def start(self) -> None:
        """Start it, and return when JetStream is there: what it had before is recovered by then."""
        with (self._folder / "log").open("ab") as log:
            command = [str(self._program), "--config", str(self._folder / "nats.json")]
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while not self._listens():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError("nats-server did not start:\n" + (self._folder / "log").read_text())
            time.sleep(0.01)

    def kill(self) -> None:
        """End it with SIGKILL, as when its node dies."""
        self._signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> None:
        """End it with SIGTERM, as when its pod is evicted."""
        self._signal(signal.SIGTERM)
        self._ended()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """The server answers nothing in this block, but its connections stay."""
        self._signal(signal.SIGSTOP)
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # a signal takes effect a little later
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """The server is killed, and down in this block."""
        await asyncio.to_thread(self.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(self.start)

    @contextlib.asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        """JetStream, as the administrator."""
        client = Client()
        await client.connect(self.url, user=ADMINISTRATOR, password=PASSWORD, allow_reconnect=False)
        try:
            yield client.jetstream()
        finally:
            await client.close()

    async def new_stream(self, name: str, *subjects: str, duplicate_seconds: float = 600) -> None:
        """A stream of `subjects`, kept in files; an empty one if there is one of this name."""
        config = StreamConfig(
            name=name, subjects=list(subjects), storage=StorageType.FILE, duplicate_window=duplicate_seconds
        )
        async with self.jetstream() as jetstream:
            if name in [stream.config.name for stream in await jetstream.streams_info()]:
                await jetstream.delete_stream(name)
            await jetstream.add_stream(config)

    async def new_consumer(self, stream: str, consumer: str, subject: str, *, ack_wait: float = 30) -> None:
        """A durable pull consumer of the messages to `subject`, as the shop declares them."""
        config = ConsumerConfig(
            durable_name=consumer,
            filter_subject=subject,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ack_wait,
            max_deliver=-1,
            max_ack_pending=256,
        )
        async with self.jetstream() as jetstream:
            await jetstream.add_consumer(stream, config)

    async def unacknowledged(self, stream: str, consumer: str) -> int:
        """How many messages the consumer is not done with."""
        async with self.jetstream() as jetstream:
            info = await jetstream.consumer_info(stream, consumer)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    def settings(self, user: str, secrets: Path) -> dict[str, Any]:
        """The settings of a service that logs in as `user`; a new file in `secrets` holds its password."""
        file = secrets / f"{user}-nats-password"
        file.write_text(PASSWORD + "\n")
        return {"nats_url": self.url, "nats_user": user, "nats_password_file": file}

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex((LOOPBACK, self.port)) == 0

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was never started"
        self._process.send_signal(number)

    def _ended(self) -> None:
        assert self._process is not None, "it was never started"
        self._process.wait(START_SECONDS)


@contextlib.contextmanager
def nats_server(*users: str) -> Iterator[Nats]:
    """A server that runs, and is gone with its data at the end of the block. Skips the test if there is no program.

    A test may end it, if it starts it again.
    """
    program = find_program()
    if program is None:
        pytest.skip(NO_PROGRAM)
    with tempfile.TemporaryDirectory(prefix="tests-nats-") as made, reserved_port() as port:
        server = Nats(program, Path(made), port)
        server.configure(users)
        server.start()
        try:
            yield server
        finally:
            server.kill()
