"""The program itself: two processes on one folder, of which one is killed in the midst."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

from blueprint_testing import LOCAL, eventually
from blueprint_testing.nats import Nats
from confirmed import new_event

from app.confirmations import CONSUMER, STREAM
from app.receipts import ASIDE, find_page
from app.schemas import Notification

SERVICE = Path(__file__).parents[1]


async def started(environment: dict[str, str]) -> Process:
    """A process of the service."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.main", cwd=SERVICE, env=environment, stdout=asyncio.subprocess.PIPE
    )


@contextlib.asynccontextmanager
async def process(environment: dict[str, str]) -> AsyncIterator[Process]:
    """A process of the service that serves. It gets SIGTERM at the end, if it still runs."""
    made = await started(environment)
    assert made.stdout is not None
    try:
        async with asyncio.timeout(20):
            while b'"serving"' not in (line := await made.stdout.readline()):
                assert line, "it ended before it served"
        draining = asyncio.create_task(made.stdout.read())
        yield made
        if made.returncode is None:
            made.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(draining, made.wait()), 20)
    finally:
        if made.returncode is None:
            made.kill()
            await made.wait()


def environment_of(broker: Nats, secrets: Path, folder: Path) -> dict[str, str]:
    given = {**LOCAL, **broker.settings("notifications", secrets), "receipts_folder": folder}
    return {**os.environ, **{name.upper(): str(value) for name, value in given.items()}}


async def test_process_that_is_killed_loses_no_receipt_and_doubles_none(
    broker: Nats, tmp_path: Path, folder: Path
) -> None:
    environment = environment_of(broker, tmp_path, folder)
    events = [new_event() for _ in range(200)]

    async def some_are_written() -> bool:
        return find_page(folder, 1, 1).total >= 20

    async def all_are_done() -> bool:
        return await broker.unacknowledged(STREAM, CONSUMER) == 0

    killed = False  # a second kill would reap the process before its own watcher does
    async with process(environment) as one, process(environment) as two, broker.jetstream() as jetstream:
        for event in events:
            for again in ("", "-2"):
                await jetstream.publish(event.type, event.encode(), headers={"Nats-Msg-Id": f"{event.id}{again}"})
            if not killed and await some_are_written():
                one.kill()
                killed = True
        await eventually(all_are_done, seconds=20)
    assert (one.returncode, two.returncode) == (-signal.SIGKILL, 0)
    kept = [receipt for page in (1, 2) for receipt in find_page(folder, page, 100).receipts]
    assert {receipt.order_id: receipt for receipt in kept} == {
        event.order_id: Notification.of(event) for event in events
    }
    others = [path.name for path in folder.iterdir() if not path.name.endswith(".json")]
    assert all(name.startswith(ASIDE) for name in others)


async def test_refused_settings_end_the_process_with_78(broker: Nats, tmp_path: Path, folder: Path) -> None:
    environment = environment_of(broker, tmp_path, folder / "nothing")
    made = await started(environment)
    output, _ = await asyncio.wait_for(made.communicate(), 20)
    assert made.returncode == 78
    line = json.loads(output)
    assert line["value"] == f"RECEIPTS_FOLDER='{folder / 'nothing'}'"
    assert (line["rule"], line["event"]) == ("must be a folder that is there", "setting refused")
    assert line["remedy"] == f"mount the claim at {folder / 'nothing'}, or set RECEIPTS_FOLDER"
