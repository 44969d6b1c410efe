"""TLS of a service's port from a folder of files that may change: `tls.crt` (the chain) and `tls.key`.

A Secret's volume changes by moving one symbolic link, so both files are read behind the same link: a new certificate is
never used with the key of the one before.
"""

import asyncio
import ssl
from pathlib import Path
from typing import NoReturn

from blueprint_kit.logs import logger
from blueprint_kit.reloading import FAILED, RELOADS
from blueprint_kit.settings import Refusal, SettingsError

CERTIFICATE, KEY = "tls.crt", "tls.key"

log = logger(__name__)


class ServerTls:
    """The context that gives each new connection its certificate. Raises SettingsError for a bad pair."""

    def __init__(self, folder: Path, seconds: float = 5.0) -> None:
        self._folder = folder
        self._seconds = seconds
        self._seen: bytes | None = None  # None: what the folder holds now is refused
        self.context = new_context()
        try:
            self._take_over()
        except OSError as error:  # ssl.SSLError is one
            rule = f"must hold {CERTIFICATE} and {KEY}, a certificate and its key in PEM ({error})"
            raise SettingsError([Refusal(f"TLS_FOLDER={folder}", rule, f"mount them at {folder}")]) from error
        FAILED.labels(str(folder)).set(0)

    async def watch(self) -> NoReturn:
        """Look for a changed pair every few seconds, until cancelled. A bad one changes nothing but the metric."""
        while True:
            await asyncio.sleep(self._seconds)
            self.look()

    def look(self) -> None:
        """Take over the folder's pair if it changed and is good; if it is not, say so once."""
        label, known_bad = str(self._folder), self._seen is None
        try:
            changed = self._take_over()
        except OSError as error:
            self._seen = None
            if not known_bad:
                FAILED.labels(label).set(1)
                log.error("certificate refused, the one before stays", folder=label, error=str(error))
            return
        FAILED.labels(label).set(0)
        if changed:
            RELOADS.labels(label).inc()
            log.info("certificate reloaded", folder=label)

    def _take_over(self) -> bool:
        """Whether the pair changed; then new connections have it. Tried on a context of its own first."""
        folder = (self._folder / CERTIFICATE).resolve(strict=True).parent
        certificate, key = folder / CERTIFICATE, folder / KEY
        content = certificate.read_bytes() + key.read_bytes()
        if content == self._seen:
            return False
        new_context().load_cert_chain(certificate, key)
        self.context.load_cert_chain(certificate, key)
        self._seen = content
        return True


def new_context() -> ssl.SSLContext:
    """TLS 1.2 and later, with the ciphers that OpenSSL takes for safe."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
