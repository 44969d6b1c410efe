"""The pager on free ports of loopback, with an empty folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from blueprint_testing import LOCAL, Running, running

from app.main import create
from app.settings import PagerSettings
from blueprint_kit.settings import load_settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the pages."""
    folder = tmp_path / "pages"
    folder.mkdir()
    return folder


@pytest.fixture
async def service(folder: Path) -> AsyncIterator[Running]:
    made = load_settings(PagerSettings, **LOCAL, pages_folder=folder, body_limit_bytes=20_000)
    async with running(create(made), made) as service:
        yield service


@pytest.fixture
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        yield client
