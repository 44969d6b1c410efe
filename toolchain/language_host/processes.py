"""Child processes of the host: their output as it comes, their end, and that they end when the host does."""

import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

STOP_SECONDS = 10.0
CHUNK = 65536


def run(command: list[str], folder: Path, environment: Mapping[str, str], active: Callable[[], bool]) -> int:
    """Runs the command with this process's own output, and gives its exit code; stops it when no longer active."""
    with subprocess.Popen(command, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL) as process:
        while True:
            try:
                return process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                if not active():
                    stop(process)


def stream(
    command: list[str], folder: Path, environment: Mapping[str, str], active: Callable[[], bool]
) -> Iterator[tuple[str, bytes | int]]:
    """Runs the command; yields ("stdout" | "stderr", bytes) as they come, and last ("exitcode", code)."""
    pieces: queue.Queue[tuple[str, bytes]] = queue.Queue()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    readers = [_reader("stdout", process.stdout, pieces), _reader("stderr", process.stderr, pieces)]
    try:
        while active() and (any(reader.is_alive() for reader in readers) or not pieces.empty()):
            try:
                yield pieces.get(timeout=0.2)
            except queue.Empty:
                continue
        if active():
            yield "exitcode", process.wait()
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Asks the process to end, and ends it when it does not within 10 s."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reader(name: str, pipe: IO[bytes] | None, pieces: "queue.Queue[tuple[str, bytes]]") -> threading.Thread:
    def read() -> None:
        assert pipe is not None  # noqa: S101 - both pipes were asked for
        while chunk := pipe.read1(CHUNK):  # type: ignore[attr-defined]  # a buffered reader
            pieces.put((name, chunk))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
