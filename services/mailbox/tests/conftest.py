"""The mailbox on free ports of loopback, with an empty folder."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, Running, running
from sending import Sender

from app.main import create
from app.settings import MailboxSettings
from blueprint_kit.settings import load_settings

Settings = Callable[..., MailboxSettings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the mails."""
    folder = tmp_path / "mails"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(folder: Path) -> Settings:
    """The settings of a mailbox; `given` adds to them."""

    def of(**given: Any) -> MailboxSettings:
        return load_settings(MailboxSettings, **{**LOCAL, "smtp_port": 0, "mails_folder": folder, **given})

    return of


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Running]:
    """A mailbox with small limits."""
    made = settings(mail_limit_bytes=20_000, recipients_limit=3, sessions_limit=4, smtp_seconds=1, session_seconds=3)
    async with running(create(made), made) as service:
        yield service


@pytest.fixture
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its resources."""
    async with service.client() as client:
        yield client


@pytest.fixture
def sender(service: Running) -> Sender:
    """Somebody who sends mail to it."""
    return Sender(service.app.state.smtp.port)
