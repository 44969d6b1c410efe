"""What the issuer answers from: its settings, keys and clients, and who failed lately."""

import asyncio
from dataclasses import dataclass

from app.attempts import Attempts
from app.clients import Clients, parse_clients
from app.keys import KeyRing, parse_keys
from app.settings import IssuerSettings
from blueprint_kit.reloading import ReloadedFile


@dataclass(frozen=True)
class Desk:
    """One issuer. Keys and clients are read again when their files change."""

    settings: IssuerSettings
    keys: ReloadedFile[KeyRing]
    clients: ReloadedFile[Clients]
    attempts: Attempts

    async def watch(self) -> None:
        """Look for changed files until cancelled."""
        await asyncio.gather(self.keys.watch(), self.clients.watch())


def open_desk(settings: IssuerSettings) -> Desk:
    """The issuer of these settings. Raises SettingsError for a file that is refused."""
    return Desk(
        settings,
        ReloadedFile(settings.keys_file, parse_keys),
        ReloadedFile(settings.clients_file, parse_clients),
        Attempts(settings.failures_allowed, settings.failures_seconds),
    )
