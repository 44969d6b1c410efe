"""A gateway on real ports in front of upstreams that do what a test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml
from blueprint_testing import LOCAL, Running, running

from app.main import create
from app.settings import GatewaySettings
from blueprint_kit.settings import load_settings

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    @contextlib.asynccontextmanager
    async def gateway(upstream: str, **route: Any) -> AsyncIterator[Running]:
        """A gateway whose `/api/things` is `/things` of `upstream`, with `route` added to that line of the table."""
        line = {"path": "/api/things", "upstream": f"{upstream}/things", "timeout_seconds": 10} | route
        (tmp_path / "routes.yaml").write_text(yaml.safe_dump({"routes": [line]}))
        settings = load_settings(
            GatewaySettings,
            routes_file=tmp_path / "routes.yaml",
            body_seconds=1,
            **LOCAL,
        )
        async with running(create(settings), settings) as service:
            yield service

    return gateway
