"""The program itself: a process for each report, on a real broker."""

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import LOOPBACK, eventually, reserved_port, upstream
from blueprint_testing.nats import Nats
from sold import new_event
from test_pushing import Gateway

from app.counting import SUBJECT
from blueprint_kit.messages import Event

pytestmark = pytest.mark.thorough  # each starts the program anew, which takes seconds

SERVICE = Path(__file__).parents[1]
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY, YESTERDAY, LONG_AGO = ((NOW - timedelta(days=back)).isoformat() for back in (0, 1, 20))


@dataclass
class Ended:
    """How a report ended: its exit code and what it said."""

    code: int
    lines: list[dict[str, Any]]

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]


@dataclass
class Program:
    """The program with its environment."""

    environment: dict[str, str]
    folder: Path

    async def start(self, *arguments: str, before: Callable[[], None] | None = None, **given: object) -> Process:
        environment = {**self.environment, **{name.upper(): str(value) for name, value in given.items()}}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.main", *arguments, cwd=SERVICE, env=environment, stdout=PIPE, preexec_fn=before
        )

    async def run(self, *arguments: str, before: Callable[[], None] | None = None, **given: object) -> Ended:
        return await ended(await self.start(*arguments, before=before, **given))

    def days(self) -> dict[str, str]:
        """What each day's file says."""
        return {path.stem: path.read_text() for path in (self.folder / "sales").glob("*.json")}


async def ended(process: Process) -> Ended:
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Ended(process.returncode, [json.loads(line) for line in output.splitlines()])


def program_with(address: dict[str, Any], folder: Path) -> Program:
    given = {**address, "report_folder": folder, "report_seconds": 20}
    return Program({**os.environ, **{name.upper(): str(value) for name, value in given.items()}}, folder)


@pytest.fixture
def program(broker: Nats, tmp_path: Path, folder: Path) -> Program:
    return program_with(broker.settings("report", tmp_path), folder)


@pytest.fixture
def alone(tmp_path: Path, folder: Path) -> Program:
    """The program without a broker."""
    (tmp_path / "password").write_text("secret")
    return program_with({"nats_url": "nats://127.0.0.1:1", "nats_password_file": tmp_path / "password"}, folder)


async def publish(broker: Nats, *events: Event) -> None:
    async with broker.jetstream() as jetstream:
        for event in events:
            await jetstream.publish(SUBJECT, event.encode())


async def test_report_says_and_keeps_the_sales_and_the_next_one_goes_on(broker: Nats, program: Program) -> None:
    first, second = new_event(TODAY, "1.10"), new_event(YESTERDAY, "5.00", "USD")
    old = new_event(LONG_AGO, "9.00")
    await publish(broker, first, second, old, first)
    report = await program.run("--days", "2")
    assert report.code == 0
    days = [(line["day"], line["orders"], line["totals"], line["changed"]) for line in report.said("sales")]
    assert days == [
        (LONG_AGO[:10], 1, {"EUR": "9.00"}, True),
        (YESTERDAY[:10], 1, {"USD": "5.00"}, True),
        (TODAY[:10], 1, {"EUR": "1.10"}, True),
    ]
    (summary,) = report.said("report")
    wanted = {"read": 4, "counted": 3, "repeated": 1, "skipped": 0, "changed_days": 3, "position": 4}
    assert summary.items() >= wanted.items()

    await publish(broker, new_event(TODAY, "2.20"))
    again = await program.run("--days=1")
    assert again.code == 0
    assert [(line["orders"], line["totals"], line["changed"]) for line in again.said("sales")] == [
        (2, {"EUR": "3.30"}, True)
    ]
    before = program.days()
    (summary,) = (await program.run()).said("report")
    assert (summary["read"], summary["changed_days"]) == (0, 0)
    assert program.days() == before


async def test_run_that_is_killed_in_the_midst_is_made_good_by_the_next(broker: Nats, program: Program) -> None:
    await publish(broker, *(new_event((TODAY, YESTERDAY)[number % 2], "1.00") for number in range(2000)))
    process = await program.start()

    async def has_saved() -> bool:
        return (program.folder / "position.json").exists()

    await eventually(has_saved, seconds=30)
    process.kill()
    killed = await process.wait()
    report = await program.run()
    assert report.code == 0
    assert [(line["orders"], line["totals"]) for line in report.said("sales")] == [(1000, {"EUR": "1000.00"})] * 2
    assert killed in (-signal.SIGKILL, 0)


async def test_report_waits_for_the_broker(broker: Nats, program: Program) -> None:
    await publish(broker, new_event(TODAY))
    async with broker.killed():
        process = await program.start()
        await asyncio.sleep(1)
    report = await ended(process)
    assert report.code == 0
    assert report.said("report")[0]["counted"] == 1


async def test_report_does_not_wait_for_ever(alone: Program) -> None:
    report = await alone.run(report_seconds=1, nats_seconds=0.2)
    assert report.code == 1
    (line,) = report.said("report failed")
    assert line["level"] == "error"
    assert "the message broker does not answer" in line["error"]


async def test_stream_that_is_not_declared_yet_is_waited_for(broker: Nats, program: Program) -> None:
    async with broker.jetstream() as jetstream:
        await jetstream.delete_stream("ORDERS")
    report = await program.run(report_seconds=1)
    assert report.code == 1
    assert "stream not found" in report.said("report failed")[0]["cause"]


async def test_termination_ends_it_at_once(alone: Program) -> None:
    process = await alone.start(nats_seconds=0.2)
    assert process.stdout is not None
    while b'"waiting"' not in await process.stdout.readline():
        assert process.returncode is None
    process.send_signal(signal.SIGTERM)
    report = await ended(process)
    assert report.code == 1
    assert "stopped by SIGTERM" in report.said("report failed")[0]["error"]


async def test_full_disk_is_said_and_the_next_report_is_right(broker: Nats, program: Program) -> None:
    """No file may have more than 64 bytes, so that no day can be written."""
    await publish(broker, *(new_event(TODAY, "1.00") for _ in range(10)))

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    report = await program.run(before=limited)
    assert report.code == 1
    assert "File too large" in report.said("report failed")[0]["error"]
    assert not (program.folder / "position.json").exists()
    (line,) = (await program.run()).said("sales")
    assert (line["orders"], line["totals"]) == (10, {"EUR": "10.00"})


async def test_folder_that_cannot_be_written_is_said(alone: Program) -> None:
    report = await alone.run(report_folder="/proc")
    assert report.code == 1
    assert "/proc/lock" in report.said("report failed")[0]["error"]


async def test_sales_are_pushed(broker: Nats, program: Program) -> None:
    await publish(broker, new_event(TODAY, "12.50"), new_event(LONG_AGO))
    gateway = Gateway("200 OK")
    async with upstream(gateway) as server:
        report = await program.run("--days", "7", pushgateway_url=server.url)
    assert report.code == 0
    (body,) = gateway.bodies
    assert f'report_sales_amount{{currency="EUR",day="{TODAY[:10]}"}} 12.5\n'.encode() in body
    assert LONG_AGO[:10].encode() not in body


async def test_push_that_fails_fails_the_report_after_the_sales_are_kept(broker: Nats, program: Program) -> None:
    await publish(broker, new_event(TODAY, "12.50"))
    with reserved_port() as port:
        url = f"http://{LOOPBACK}:{port}"
        report = await program.run(pushgateway_url=url, pushgateway_seconds=0.1)
    assert report.code == 1
    assert url in report.said("report failed")[0]["error"]
    assert list(program.days()) == [TODAY[:10]]
    assert (await program.run()).said("report")[0]["counted"] == 0


async def test_refusals_end_the_process_with_78(alone: Program) -> None:
    for report in (
        await alone.run("--days", "0"),
        await alone.run(report_folder=alone.folder / "nothing"),
    ):
        assert report.code == 78
        (line,) = report.lines
        assert line["event"] == "setting refused"
        assert line["value"]
        assert line["rule"]
        assert line["remedy"]
