"""The store of logs on a disk that is nearly full: it takes nothing more and says so, and what it has can be asked."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from monitoring.logs import store
from toolchain import programs

pytestmark = pytest.mark.image_program

START_SECONDS = 30
LINE = {"_msg": "a line", "service": "gateway"}


@contextmanager
def running(folder: Path, least_free: int) -> Iterator[httpx.Client]:
    """The store as it is deployed, but for its place and the bytes that must stay free."""
    program = programs.at_hand("victoria-logs")
    if program is None:
        pytest.skip("needs victoria-logs, which `make up` builds")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    own = {
        "httpListenAddr": f"127.0.0.1:{port}",
        "storageDataPath": folder,
        "storage.minFreeDiskSpaceBytes": least_free,
    }
    kept = [one for one in store.arguments() if one.lstrip("-").partition("=")[0] not in own]
    with (
        subprocess.Popen([program, *kept, *(f"-{name}={value}" for name, value in own.items())]) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client,
    ):
        try:
            _wait_until_it_answers(client)
            yield client
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_it_answers(client: httpx.Client) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/health").raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() < until, f"victoria-logs does not answer within {START_SECONDS} s"
            time.sleep(0.1)
        else:
            return


def sent(client: httpx.Client) -> int:
    """The status that a line is answered with."""
    line = json.dumps(LINE | {"_time": "0"})  # the store's own time
    return client.post("/insert/jsonline", params={"_stream_fields": "service"}, content=line).status_code


def lines(client: httpx.Client) -> int:
    """How many lines can be found."""
    found = client.get("/select/logsql/query", params={"query": '"a line"'}).raise_for_status()
    return len(found.text.splitlines())


def test_below_its_least_free_room_it_refuses_and_afterwards_it_goes_on(tmp_path: Path) -> None:
    """It has a line → no room: 429, on which agents wait, and the line is found → room again: it takes the next one."""
    with running(tmp_path, least_free=1) as client:
        assert sent(client) == 200
    with running(tmp_path, least_free=shutil.disk_usage(tmp_path).free * 2) as client:
        assert sent(client) == 429
        assert lines(client) == 1
    with running(tmp_path, least_free=1) as client:
        assert sent(client) == 200
    with running(tmp_path, least_free=1) as client:
        assert lines(client) == 2
