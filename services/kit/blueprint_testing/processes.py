"""A service as a process of its own, which a test may kill."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blueprint_testing import LOCAL

START_SECONDS = 30.0
END_SECONDS = 20.0


@dataclass(frozen=True)
class Served:
    """A process that serves, and what its log has said until then, by the fields' names."""

    process: Process
    said: dict[str, Any]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.said['http_port']}"

    async def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        await self.process.wait()


async def started(service: Path, settings: Mapping[str, object]) -> Process:
    """A process of the service in that folder, on free ports of loopback, with these settings besides."""
    given = {name.upper(): str(value) for name, value in {**LOCAL, **settings}.items()}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.main", cwd=service, env={**os.environ, **given}, stdout=asyncio.subprocess.PIPE
    )


@contextlib.asynccontextmanager
async def serving(service: Path, settings: Mapping[str, object]) -> AsyncIterator[Served]:
    """A process that serves. It gets SIGTERM at the end, if it still runs."""
    process = await started(service, settings)
    assert process.stdout is not None
    said: dict[str, Any] = {}
    try:
        async with asyncio.timeout(START_SECONDS):
            while said.get("event") != "serving":
                line = await process.stdout.readline()
                assert line, f"it ended before it served: {said}"
                said |= json.loads(line)
        draining = asyncio.create_task(process.stdout.read())
        yield Served(process, said)
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(draining, process.wait()), END_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
