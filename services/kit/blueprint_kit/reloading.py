"""Files that are read again when they change, without a restart. Owns the watching; the services own what files mean.

Contents are compared, not times or names: a ConfigMap's volume is changed by moving a symbolic link.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from prometheus_client import Counter, Gauge

from blueprint_kit.logs import logger
from blueprint_kit.settings import Refusal, SettingsError

Value = TypeVar("Value")

FAILED = Gauge("config_reload_failed", "1 while a file's content is refused, and the one before is used.", ["file"])
RELOADS = Counter("config_reloads_total", "Changed contents that were taken over.", ["file"])

log = logger(__name__)


class ReloadedFile(Generic[Value]):
    """What the file at `path` means, as `parse` says, which raises SettingsError or another error for a bad content.

    The first content must be good: the constructor raises what `parse` raises, and SettingsError if it cannot be read.
    """

    def __init__(self, path: Path, parse: Callable[[str], Value], seconds: float = 2.0) -> None:
        self._path = path
        self._parse = parse
        self._seconds = seconds
        content = _read(path)
        self.value = parse(content)
        self._seen: str | None = content  # None: it could not be read
        FAILED.labels(str(path)).set(0)

    async def watch(self) -> NoReturn:
        """Look for a changed content every few seconds, until cancelled. A bad one changes nothing but the metric."""
        while True:
            await asyncio.sleep(self._seconds)
            self.look()

    def look(self) -> None:
        """Take over the file's content if it changed and is good; if it is not, say so once."""
        before, self._seen = self._seen, None
        try:
            content = _read(self._path)
            self._seen = content
            if content == before:
                return
            self.value = self._parse(content)
        except Exception as error:  # whatever is wrong with the content, the service goes on with the one before
            if self._seen is not None or before is not None:
                self._refuse(error)
            return
        FAILED.labels(str(self._path)).set(0)
        RELOADS.labels(str(self._path)).inc()
        log.info("configuration reloaded", file=str(self._path))

    def _refuse(self, error: Exception) -> None:
        FAILED.labels(str(self._path)).set(1)
        log.error("configuration refused, the one before stays", file=str(self._path), error=str(error))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        rule, remedy = f"must be a readable text file ({error})", f"mount it at {path}"
        raise SettingsError([Refusal(str(path), rule, remedy)]) from error
