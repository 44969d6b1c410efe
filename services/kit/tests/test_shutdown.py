"""The beginning and the end of a service: readiness first, then the port, then what is in flight."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from blueprint_testing import LOOPBACK, client, eventually, metric, running, say

from blueprint_kit.app import create_app
from blueprint_kit.server import serve
from blueprint_kit.settings import ServiceSettings

PROGRAM = """
import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from blueprint_kit.app import create_app
from blueprint_kit.server import main
from blueprint_kit.settings import ServiceSettings, load_settings

@asynccontextmanager
async def lifespan(app):
    if app.title == "broken":
        raise RuntimeError("no store")
    yield

def create(settings):
    app = create_app(settings, lifespan=lifespan)
    @app.get("/waiting")
    async def get_waiting(file: Path) -> str:
        while not file.exists():
            await asyncio.sleep(0.02)
        return "done"
    return app

main(lambda: load_settings(ServiceSettings), create)
"""


def environment(**given: str) -> dict[str, str]:
    base = {"SERVICE_NAME": "sample", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "METRICS_PORT": "0"}
    return os.environ | base | given


class Process:
    """The program as a process; its log as objects."""

    def __init__(self, program: Path, **given: str) -> None:
        command = [sys.executable, str(program)]
        self.process = subprocess.Popen(command, env=environment(**given), stdout=subprocess.PIPE, text=True)
        self.log: list[dict[str, object]] = []
        self.port, self.url = 0, ""

    def begin(self) -> None:
        """Wait for the first line of its log, which says where it serves, or why it does not."""
        self.log.append(self.line())
        self.port = int(str(self.log[0].get("http_port", 0)))
        self.url = f"http://{LOOPBACK}:{self.port}"

    def line(self) -> dict[str, object]:
        assert self.process.stdout is not None
        line: dict[str, object] = json.loads(self.process.stdout.readline())
        return line

    async def has_request(self) -> bool:
        """Whether it serves a request now."""
        return await metric(int(str(self.log[0]["metrics_port"])), "http_requests_in_flight") == 1

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=15)

    def rest(self) -> list[dict[str, object]]:
        output, _ = self.process.communicate(timeout=15)
        return [json.loads(line) for line in output.splitlines()]


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with contextlib.ExitStack() as processes:

        def one(**given: str) -> Process:
            process = Process(program, **given)
            processes.callback(process.kill)
            process.begin()
            return process

        yield one


async def test_it_says_that_it_serves_when_connections_are_accepted(settings: ServiceSettings) -> None:
    """A start that waits for this, and connects at once, must not be refused."""
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    stop, asked = asyncio.Event(), asyncio.get_running_loop().create_future()

    def listening(*ports: int) -> None:
        asked.set_result([asyncio.create_task(say(port, request)) for port in ports])

    ended = asyncio.create_task(serve(create_app(settings), settings, stop, listening))
    service, metrics = await asyncio.gather(*await asyncio.wait_for(asked, 10))
    assert service.startswith(b"HTTP/1.1 200 ")
    assert metrics.startswith(b"HTTP/1.1 404 ")
    stop.set()
    assert await asyncio.wait_for(ended, 10)


async def test_not_ready_first_but_serving_then_closed(settings: ServiceSettings) -> None:
    slow = settings.model_copy(update={"drain_seconds": 60})
    app = create_app(slow)

    @app.get("/things/1")
    async def get_thing() -> None: ...

    async with running(app, slow) as service, service.client() as asking:

        async def not_ready() -> bool:
            return (await asking.get("/readyz")).status_code == 503

        assert "connection" not in (await asking.get("/things/1")).headers
        assert not await not_ready()
        service.stop.set()
        await eventually(not_ready)
        assert (await asking.get("/livez")).status_code == 200
        served = await asking.get("/things/1")
        assert (served.status_code, served.headers["connection"]) == (200, "close")
        service.stop.set()  # ends the drain before its time
        assert await asyncio.wait_for(service.ended, 10)
        with pytest.raises(httpx.ConnectError):
            await asking.get("/things/1")


async def test_request_in_flight_is_answered_and_exit_is_0(start: Start, tmp_path: Path) -> None:
    program = start(DRAIN_SECONDS="0.2", SHUTDOWN_SECONDS="30")
    go_on = tmp_path / "go-on"

    async def closed() -> bool:
        try:
            await say(program.port, b"", seconds=0)
        except ConnectionRefusedError:
            return True
        return False

    async with client(program.url) as asking:
        asked = asyncio.create_task(asking.get(f"/waiting?file={go_on}"))
        await eventually(program.has_request)
        program.process.send_signal(signal.SIGTERM)
        await eventually(closed)
        go_on.touch()
        response = await asked
    assert (response.status_code, response.json()) == (200, "done")
    events = [line["event"] for line in program.rest()]
    assert events == ["stopping", "request", "stopped"]
    assert program.process.returncode == 0


async def test_request_that_does_not_end_does_not_hold_up_the_end(start: Start) -> None:
    program = start(DRAIN_SECONDS="0", SHUTDOWN_SECONDS="1")
    async with client(program.url) as asking:
        asked = asyncio.create_task(asking.get("/waiting?file=/never/made"))
        await eventually(program.has_request)
        program.process.send_signal(signal.SIGTERM)
        response = await asked
    assert response.status_code == 503
    assert response.json()["type"] == "urn:blueprint:problem:shutting-down"
    program.rest()
    assert program.process.returncode == 0


def test_second_signal_ends_the_drain(start: Start) -> None:
    program = start(DRAIN_SECONDS="60")
    program.process.send_signal(signal.SIGTERM)
    assert program.line()["event"] == "stopping"
    began = time.monotonic()
    program.process.send_signal(signal.SIGTERM)
    program.rest()
    assert time.monotonic() - began < 10
    assert program.process.returncode == 0


def test_application_that_does_not_start_exits_with_1_and_says_why(start: Start) -> None:
    broken = start(SERVICE_NAME="broken")
    lines = [*broken.log, *broken.rest()]
    assert any("no store" in json.dumps(line) for line in lines)
    assert {line["event"] for line in lines} >= {"the server failed", "stopped"}
    assert "serving" not in {line["event"] for line in lines}
    assert broken.process.returncode == 1


def test_refused_settings_exit_with_78_and_say_why(start: Start) -> None:
    refused = start(HTTP_PORT="eighty")
    assert refused.log[0]["event"] == "setting refused"
    assert refused.log[0]["value"] == "HTTP_PORT='eighty'"
    refused.rest()
    assert refused.process.returncode == 78


def test_port_in_use_is_a_refused_setting(start: Start) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        refused = start(HTTP_PORT=str(port))
        assert refused.log[0]["value"] == f"HTTP_PORT={port}"
        assert "must be free" in str(refused.log[0]["rule"])
        refused.rest()
        assert refused.process.returncode == 78


async def test_request_is_one_line_of_json_with_its_id(start: Start) -> None:
    logged = start(DRAIN_SECONDS="0")
    async with client(logged.url) as asking:
        await asking.get("/waiting?file=/", headers={"X-Request-Id": "given-1"})
    line = logged.line()
    logged.process.terminate()
    logged.rest()
    assert line["event"] == "request"
    expected = {"method": "GET", "route": "/waiting", "status": 200, "request_id": "given-1", "service": "sample"}
    assert line.items() >= expected.items()
    assert isinstance(line["duration_ms"], float)
