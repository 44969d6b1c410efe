"""The program itself, and that the suite's file and logins fit together, on a real broker."""

import asyncio
import importlib.util
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from blueprint_testing import LOCAL, eventually, reserved_port
from blueprint_testing.nats import NO_PROGRAM, Nats, find_program
from declarations import content
from test_declared import SUITE

from blueprint_kit.messages import Event, Messages, MessagesSettings
from blueprint_kit.settings import load_settings

SERVICE = Path(__file__).parents[1]
USERS = SUITE.with_name("nats_users.py")


async def start(broker: Nats, folder: Path, **given: object) -> Process:
    whole = {
        **broker.settings("streams", folder),
        "streams_file": folder / "streams.yaml",
        "streams_seconds": 20,
        **given,
    }
    environment = {**os.environ, **{name.upper(): str(value) for name, value in whole.items()}}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.main", cwd=SERVICE, env=environment, stdout=PIPE
    )


async def ended(process: Process) -> tuple[int | None, dict[str, Any]]:
    """The exit code and the last line."""
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, json.loads(output.splitlines()[-1])


async def test_exit_codes(broker: Nats, tmp_path: Path) -> None:
    file = tmp_path / "streams.yaml"
    file.write_text(yaml.safe_dump(content()))
    code, line = await ended(await start(broker, tmp_path))
    wanted = {"event": "streams are as declared", "created": 2, "updated": 0, "unchanged": 0}
    assert (code, {name: line[name] for name in wanted}) == (0, wanted)
    file.write_text(yaml.safe_dump(content(storage="memory")))
    code, line = await ended(await start(broker, tmp_path))
    assert (code, line["event"], line["value"]) == (78, "setting refused", "storage: 'memory'")
    code, line = await ended(await start(broker, tmp_path, nats_url="nats://127.0.0.1:1", streams_seconds=0.5))
    assert (code, line["event"], line["level"]) == (1, "streams failed", "error")


async def test_termination_ends_it_at_once(broker: Nats, tmp_path: Path) -> None:
    (tmp_path / "streams.yaml").write_text(yaml.safe_dump(content()))
    process = await start(broker, tmp_path, nats_url="nats://127.0.0.1:1", nats_seconds=0.2)
    assert process.stdout is not None
    while b"waiting for the broker" not in await process.stdout.readline():
        assert process.returncode is None
    process.send_signal(signal.SIGTERM)
    code, line = await ended(process)
    assert (code, "stopped by SIGTERM" in line["error"]) == (1, True)


def permissions() -> Mapping[str, tuple[str, ...]]:
    """What each login of the suite may publish to. Its module is read alone: the rest of it needs Pulumi."""
    if not USERS.exists():
        pytest.skip(f"needs {USERS}")
    spec = importlib.util.spec_from_file_location("nats_users", USERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    allowed: Mapping[str, tuple[str, ...]] = module.PUBLISH
    return allowed


@pytest.fixture
def ruled() -> Iterator[Nats]:
    """A server whose logins may do what the suite's may, and no more."""
    program, allowed = find_program(), permissions()
    if program is None:
        pytest.skip(NO_PROGRAM)
    with tempfile.TemporaryDirectory(prefix="tests-nats-") as folder, reserved_port() as port:
        server = Nats(program, Path(folder), port)
        server.configure(tuple(allowed))
        file = Path(folder) / "nats.json"
        configuration = json.loads(file.read_text())
        for user in configuration["authorization"]["users"]:
            if user["user"] in allowed:
                subscribe = {"allow": [f"_INBOX.{user['user']}.>"]}
                user["permissions"] = {"publish": {"allow": list(allowed[user["user"]])}, "subscribe": subscribe}
        file.write_text(json.dumps(configuration))
        server.start()
        try:
            yield server
        finally:
            server.kill()


async def opened(broker: Nats, user: str, folder: Path) -> Messages:
    settings = load_settings(MessagesSettings, service_name=user, **LOCAL, **broker.settings(user, folder))
    messages = Messages(settings)
    await messages.open()
    return messages


async def test_suite_s_file_and_logins_let_each_service_do_its_work(ruled: Nats, tmp_path: Path) -> None:
    """The streams are made, made again and changed; orders publish, notifications consume and bury, report reads."""
    file = tmp_path / "streams.yaml"
    file.write_text(SUITE.read_text())
    for created in (4, 0):
        code, line = await ended(await start(ruled, tmp_path))
        assert (code, line["created"]) == (0, created), line
    longer = yaml.safe_load(SUITE.read_text())
    longer["streams"][0]["max_age"] = "31d"
    longer["streams"][0]["consumers"][0]["ack_wait"] = 31
    file.write_text(yaml.safe_dump(longer))
    code, line = await ended(await start(ruled, tmp_path))
    assert (code, line["updated"], line["unchanged"]) == (0, 2, 2), line

    events = [
        Event(id=uuid4(), type="orders.confirmed", at=datetime.now(UTC), order_id=uuid4(), request_id=None, data={})
        for _ in range(3)
    ]
    orders, notifications, report = [
        await opened(ruled, user, tmp_path) for user in ("orders", "notifications", "report")
    ]
    handled = list[Event]()

    async def handle(event: Event) -> None:
        if event == events[1]:
            raise ValueError("never")
        handled.append(event)

    for event in events:
        await orders.publish(event)
    consuming = asyncio.create_task(notifications.consume("ORDERS", "notifications", handle, attempts=1))

    async def all_done() -> bool:
        return await ruled.unacknowledged("ORDERS", "notifications") == 0

    await eventually(all_done)
    assert sorted(event.id for event in handled) == sorted(event.id for event in (events[0], events[2]))
    async with ruled.jetstream() as jetstream:
        assert (await jetstream.stream_info("DEAD_LETTERS")).state.messages == 1
    read = [event async for _, event in report.read_from("ORDERS", "orders.confirmed", 1)]
    assert read == events
    for messages in (orders, notifications, report):
        await messages.check()
    consuming.cancel()
    await asyncio.wait({consuming})
    for messages in (orders, notifications, report):
        await messages.close()
