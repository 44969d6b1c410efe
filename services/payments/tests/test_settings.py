"""The service's own settings, and its program, which starts without anything else."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from blueprint_testing import LOOPBACK, eventually

from app.settings import PaymentsSettings
from blueprint_kit.settings import SettingsError, load_settings

SERVICE = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set."""
    for name in PaymentsSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_defaults_are_the_contract() -> None:
    settings = load_settings(PaymentsSettings)
    assert (settings.service_name, settings.http_port, settings.grpc_port) == ("payments", 8080, 9000)


@pytest.mark.parametrize(
    ("value", "rule"),
    [("", "valid integer"), ("health", "valid integer"), ("-1", "greater than"), ("65536", "less than")],
)
def test_bad_port_is_refused(monkeypatch: pytest.MonkeyPatch, value: str, rule: str) -> None:
    monkeypatch.setenv("GRPC_PORT", value)
    with pytest.raises(SettingsError, match=rf"GRPC_PORT='{value}'.*{rule}.*; set GRPC_PORT: the port of the gRPC"):
        load_settings(PaymentsSettings)


async def test_program_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    ports = dict.fromkeys(("HTTP_PORT", "METRICS_PORT", "GRPC_PORT"), "0")
    given = {"HTTP_HOST": LOOPBACK, "DRAIN_SECONDS": "0", **ports}
    with (tmp_path / "log").open("w+") as log:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.main", cwd=SERVICE, env=os.environ | given, stdout=log, stderr=log
        )

        async def serves() -> bool:
            return '"event": "serving"' in (tmp_path / "log").read_text()

        try:
            await eventually(serves)
        finally:
            program.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.wait(), 10) == 0
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events == ["serving health", "serving", "stopping", "stopped"]
