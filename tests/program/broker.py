"""A nats-server of the tests' own, and its protocol as far as they need it.

Source: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 20
PROGRAM = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")


def version() -> tuple[int, ...]:
    """The program's version; none where there is no program."""
    if PROGRAM is None:
        return ()
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in re.findall(r"\d+", said.stdout))


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def broker(users: str) -> Iterator[int]:
    """A server with JetStream and these users; the port it listens on."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(prefix="tests-nats-") as name:
        folder, port = Path(name), free_port()
        (folder / "users.conf").write_text(users)
        own = f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}/data" }}\ninclude ./users.conf\n'
        (folder / "nats.conf").write_text(own)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([PROGRAM, "--config", str(folder / "nats.conf")], stderr=log)
        try:
            _listens(port, process, folder / "log")
            yield port
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)


def _listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"nats-server did not start:\n{log.read_text()}") from None
            time.sleep(0.02)


class Client:
    """One connection of one user."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._lines = self._socket.makefile("rb")
        self._lines.readline()  # INFO
        login = {"user": user, "pass": password, "verbose": False, "pedantic": False}
        self.refusals = self._say(f"CONNECT {json.dumps(login)}")

    def close(self) -> None:
        """End it."""
        self._lines.close()
        self._socket.close()

    def may_publish(self, subject: str) -> bool:
        """Whether the server takes a message to the subject."""
        return not self._say(f"PUB {subject} 0\r\n")

    def may_subscribe(self, subject: str) -> bool:
        """Whether the server lets it listen to the subject."""
        return not self._say(f"SUB {subject} 1")

    def _say(self, line: str) -> list[str]:
        """What the server has against it: the errors that came before its answer to a ping."""
        self._socket.sendall(f"{line}\r\nPING\r\n".encode())
        errors: list[str] = []
        while (said := self._lines.readline()) and said != b"PONG\r\n":
            if said.startswith(b"-ERR"):
                errors.append(said.decode().strip())
        return errors
