"""Values in Valkey that only the holder of a lease may fill. Owns the connection, and how an absent server is met.

A lease is a random token beside the value. Whoever finds no value gets it, if nobody has it; a fill counts only while
its lease is still there; dropping a value drops its lease. So what was read before a drop can never be stored after it,
and of many who find no value one reads it. See "Scaling Memcache at Facebook" (2013), section 3.2.1.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeVar

from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.credentials import CredentialProvider
from valkey.exceptions import ValkeyError

from app.settings import CatalogSettings
from blueprint_kit.breaker import BreakerPolicy, CircuitBreaker, CircuitOpenError
from blueprint_kit.logs import logger
from blueprint_kit.settings import SettingsError, read_secret

Answer = TypeVar("Answer")

CONNECTIONS = 16
BREAKER = BreakerPolicy(least=3, share=0.5, window_seconds=1.0, open_seconds=1.0)

# Each script is one step to all others. KEYS: the value, its lease.
_LOOK = """
local value = redis.call('GET', KEYS[1])
if value then return value end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""
_FILL = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_GIVE_UP = """
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""

log = logger(__name__)


class CacheUnavailableError(Exception):
    """Valkey is not there, or does not answer in time, or is not asked now because it did not."""


class Turn(Enum):
    """Whose it is to fill a value that is not there."""

    MINE = 1
    ANOTHERS = 0


class _Login(CredentialProvider):
    """The user, and the password as its file has it when a connection is made."""

    def __init__(self, settings: CatalogSettings) -> None:
        self._settings = settings

    def get_credentials(self) -> tuple[str, str]:
        return self._settings.valkey_user, read_secret(self._settings.valkey_password_file)


class Leases:
    """The values and their leases. Every method raises CacheUnavailableError, after `valkey_seconds` at most."""

    def __init__(self, settings: CatalogSettings) -> None:
        self._seconds = settings.valkey_seconds
        self._breaker = CircuitBreaker(BREAKER)
        pool = BlockingConnectionPool(
            max_connections=CONNECTIONS,
            timeout=None,
            host=settings.valkey_host,
            port=settings.valkey_port,
            credential_provider=_Login(settings),
            socket_timeout=None,  # one limit for a whole question holds, in `_within_time`
            retry=Retry(NoBackoff(), 0),
            lib_name=None,  # else each connection says it, with a command that our user may not use
            lib_version=None,
        )
        self._valkey = Valkey.from_pool(pool)
        self._look = self._valkey.register_script(_LOOK)
        self._fill = self._valkey.register_script(_FILL)
        self._give_up = self._valkey.register_script(_GIVE_UP)

    async def look(self, key: str, token: str, lease_seconds: float) -> bytes | Turn:
        """The value; or whose turn it is to fill it. If it is the caller's, `token` is its lease for that time."""
        arguments: list[str | float] = [token, _milliseconds(lease_seconds)]
        found = await self._asked(lambda: self._look(keys=_pair(key), args=arguments))
        return found if isinstance(found, bytes) else Turn(found)

    async def fill(self, key: str, token: str, value: str, seconds: float) -> bool:
        """Keep the value that long, and end the lease. False, and nothing is kept, if the lease is gone."""
        arguments: list[str | float] = [token, value, _milliseconds(seconds)]
        return bool(await self._asked(lambda: self._fill(keys=_pair(key), args=arguments)))

    async def give_up(self, key: str, token: str) -> None:
        """End the lease without a value."""
        await self._asked(lambda: self._give_up(keys=_pair(key), args=[token]))

    async def generation(self, key: str, new: str) -> str:
        """What stands under `key`; `new` is put there if nothing does."""

        async def ask() -> bytes | None:
            found: bytes | None = await self._valkey.set(key, new, nx=True, get=True)
            return found

        found = await self._asked(ask)
        return new if found is None else found.decode()

    async def drop(self, keys: Sequence[str]) -> None:
        """Drop values and their leases. Asks even when other questions are held back: this one is not to be missed."""
        both = [one for key in keys for one in _pair(key)]
        await self._within_time(lambda: self._valkey.delete(*both))

    async def close(self) -> None:
        """Close the connections."""
        await self._valkey.aclose(close_connection_pool=True)

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer, unless so many failed lately that nobody shall wait for one."""
        try:
            permit = self._breaker.admit()
        except CircuitOpenError as error:
            raise CacheUnavailableError(str(error)) from None
        ok = None
        try:
            answer = await self._within_time(ask)
            ok = True
            return answer
        except CacheUnavailableError:
            ok = False
            raise
        finally:
            self._breaker.record(permit, ok)

    async def _within_time(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                return await ask()
        except (ValkeyError, SettingsError, OSError, TimeoutError) as error:
            log.warning("cache unavailable", error=repr(error))
            raise CacheUnavailableError(repr(error)) from error


def _pair(key: str) -> list[str]:
    return [key, f"{key}:lease"]


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
