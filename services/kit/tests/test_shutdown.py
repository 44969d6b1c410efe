"""The end of a service: readiness first, then the port, then what is in flight."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from blueprint_testing import running

from blueprint_kit.app import create_app
from blueprint_kit.settings import ServiceSettings

PROGRAM = """
import asyncio
from blueprint_kit.app import create_app
from blueprint_kit.server import main
from blueprint_kit.app import create_app
from blueprint_kit.settings import ServiceSettings, load_settings

def create(settings):
    app = create_app(settings)
    @app.get("/slow")
    async def get_slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
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
        self.log = [self.line()]
        self.url = f"http://127.0.0.1:{self.log[0].get('http_port')}"

    def line(self) -> dict[str, object]:
        assert self.process.stdout is not None
        line: dict[str, object] = json.loads(self.process.stdout.readline())
        return line

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
            return process

        yield one


async def test_not_ready_first_but_serving_then_closed(settings: ServiceSettings) -> None:
    slow = settings.model_copy(update={"drain_seconds": 0.6})
    app = create_app(slow)

    @app.get("/things/1")
    async def get_thing() -> None: ...

    async with running(app, slow) as service, httpx.AsyncClient(base_url=service.url) as client:
        assert "connection" not in (await client.get("/things/1")).headers
        service.stop.set()
        await asyncio.sleep(0.1)
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        served = await client.get("/things/1")
        assert (served.status_code, served.headers["connection"]) == (200, "close")
        assert await asyncio.wait_for(service.ended, 5)
        with pytest.raises(httpx.ConnectError):
            await client.get("/things/1")


async def test_request_in_flight_is_answered_and_exit_is_0(start: Start) -> None:
    running_program = start(DRAIN_SECONDS="0.2", SHUTDOWN_SECONDS="5")
    async with httpx.AsyncClient(base_url=running_program.url, timeout=10) as client:
        asked = asyncio.create_task(client.get("/slow?seconds=1.2"))
        await asyncio.sleep(0.4)
        running_program.process.send_signal(signal.SIGTERM)
        response = await asked
    assert (response.status_code, response.json()) == (200, "done")
    events = [line["event"] for line in running_program.rest()]
    assert events == ["stopping", "request", "stopped"]
    assert running_program.process.returncode == 0


async def test_request_that_does_not_end_does_not_hold_up_the_end(start: Start) -> None:
    running_program = start(DRAIN_SECONDS="0", SHUTDOWN_SECONDS="1")
    async with httpx.AsyncClient(base_url=running_program.url, timeout=30) as client:
        asked = asyncio.create_task(client.get("/slow?seconds=60"))
        await asyncio.sleep(0.4)
        began = time.monotonic()
        running_program.process.send_signal(signal.SIGTERM)
        response = await asked
    assert response.status_code == 503
    assert response.json()["type"] == "urn:blueprint:problem:shutting-down"
    running_program.rest()
    assert time.monotonic() - began < 5
    assert running_program.process.returncode == 0


async def test_second_signal_ends_the_drain(start: Start) -> None:
    running_program = start(DRAIN_SECONDS="60")
    began = time.monotonic()
    for _ in range(2):
        running_program.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.4)
    running_program.rest()
    assert time.monotonic() - began < 5


def test_refused_settings_exit_with_78_and_say_why(start: Start) -> None:
    refused = start(HTTP_PORT="eighty")
    assert refused.log[0]["event"] == "setting refused"
    assert refused.log[0]["value"] == "HTTP_PORT='eighty'"
    refused.rest()
    assert refused.process.returncode == 78


def test_port_in_use_is_a_refused_setting(start: Start) -> None:
    first = start(DRAIN_SECONDS="0")
    port = str(first.log[0]["http_port"])
    second = start(HTTP_PORT=port)
    assert second.log[0]["value"] == f"HTTP_PORT={port}"
    assert "must be free" in str(second.log[0]["rule"])
    second.rest()
    assert second.process.returncode == 78


async def test_request_is_one_line_of_json_with_its_id(start: Start) -> None:
    logged = start(DRAIN_SECONDS="0")
    async with httpx.AsyncClient(base_url=logged.url) as client:
        await client.get("/slow?seconds=0", headers={"X-Request-Id": "given-1"})
    line = logged.line()
    logged.process.terminate()
    logged.rest()
    assert line["event"] == "request"
    expected = {"method": "GET", "route": "/slow", "status": 200, "request_id": "given-1", "service": "sample"}
    assert line.items() >= expected.items()
    assert isinstance(line["duration_ms"], float)
