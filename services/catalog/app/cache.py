"""The products as the cache has them. Owns what is cached, for how long, who waits for whom, and what is dropped when.

An answer is right as soon as a change was answered, if Valkey heard of it. If it did not, as it was away, it is told
later; if the process that made the change ended before that, `cache_seconds` is the longest that the old answer lives.
No request fails for the cache's sake.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeVar

from prometheus_client import Counter
from pydantic import TypeAdapter, ValidationError

from app.leases import CacheUnavailableError, Leases, Turn
from app.schemas import Product, ProductPage
from blueprint_kit.logs import logger

Kept = TypeVar("Kept")
Load = Callable[[], Awaitable[Kept]]

LEASE_SECONDS = 4.0  # longer than a statement of the database may take
WAIT_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.004
LONGEST_PAUSE_SECONDS = 0.05
ABSENT_SECONDS = 2.0  # that there is no such product is kept, but hardly: nothing drops it when one is added
DEBT_PAUSE_SECONDS = 0.25

GENERATION = "catalog:generation"

REQUESTS = Counter(
    "cache_requests_total",
    "Reads through the cache: hit, waited (for another reader's value), miss (read from the database), unavailable.",
    ["outcome"],
)
for _outcome in ("hit", "waited", "miss", "unavailable"):
    REQUESTS.labels(_outcome)

_MAYBE: Any = Product | None  # no `type` to mypy
_PRODUCT: TypeAdapter[Product | None] = TypeAdapter(_MAYBE)
_PAGE: TypeAdapter[ProductPage] = TypeAdapter(ProductPage)

log = logger(__name__)


class Cache:
    """Reads through Valkey. Without leases, as where no Valkey is set, it reads straight."""

    def __init__(self, leases: Leases | None, seconds: float) -> None:
        self._leases = leases
        self._seconds = seconds
        self._debts = Debts(leases, seconds + LEASE_SECONDS) if leases else None

    async def product(self, sku: str, load: Load[Product | None]) -> Product | None:
        """The product, or that there is none. `load` reads it from the database."""
        if self._leases is None:
            return await load()
        return await self._through(self._leases, _PRODUCT, product_key(sku), load)

    async def page(self, page: int, size: int, load: Load[ProductPage]) -> ProductPage:
        """A page of the list. `load` reads it from the database."""
        if self._leases is None:
            return await load()
        try:
            generation = await self._leases.generation(GENERATION, secrets.token_hex(8))
        except CacheUnavailableError:
            return await _straight(load)
        return await self._through(self._leases, _PAGE, f"catalog:list:{generation}:{page}:{size}", load)

    async def invalidate(self, sku: str) -> None:
        """Drop what was made of this product. To be called when its change is committed, not before.

        Lists are dropped all at once, by their generation: the next reader begins another, of a new random name.
        """
        if self._debts is not None:
            await self._debts.drop({product_key(sku), GENERATION})

    async def close(self) -> None:
        """Close the connections."""
        if self._leases is not None and self._debts is not None:
            await self._debts.close()
            await self._leases.close()

    async def _through(self, leases: Leases, kind: TypeAdapter[Kept], key: str, load: Load[Kept]) -> Kept:
        """The value from the cache; else from the database, read by one of all who want it."""
        token, waited = secrets.token_hex(8), False
        end, pause = monotonic() + WAIT_SECONDS, FIRST_PAUSE_SECONDS
        try:
            while (found := await leases.look(key, token, LEASE_SECONDS)) is Turn.ANOTHERS and monotonic() < end:
                await asyncio.sleep(pause)
                waited, pause = True, min(2 * pause, LONGEST_PAUSE_SECONDS)
        except CacheUnavailableError:
            return await _straight(load)
        if isinstance(found, bytes):
            try:
                value = kind.validate_json(found)
            except ValidationError:  # another version's: it ends by itself, and is not ours to replace
                log.info("cached value is of another shape", key=key)
            else:
                REQUESTS.labels("waited" if waited else "hit").inc()
                return value
        REQUESTS.labels("miss").inc()
        if found is Turn.MINE:
            return await self._fill(leases, kind, key, token, load)
        return await load()

    async def _fill(self, leases: Leases, kind: TypeAdapter[Kept], key: str, token: str, load: Load[Kept]) -> Kept:
        """Read it from the database, and keep it unless it was changed meanwhile."""
        try:
            value = await load()
        except Exception:
            with contextlib.suppress(CacheUnavailableError):  # the lease ends by itself, only later
                await leases.give_up(key, token)
            raise
        seconds = ABSENT_SECONDS if value is None else self._seconds
        with contextlib.suppress(CacheUnavailableError):  # the value is right, though nobody else gets it from here
            await leases.fill(key, token, kind.dump_json(value).decode(), seconds * _jitter())
        return value


class Debts:
    """What Valkey is to be told: at once, and if that fails, again and again."""

    def __init__(self, leases: Leases, seconds: float) -> None:
        self._leases = leases
        self._seconds = seconds
        self._keys: set[str] = set()
        self._end = 0.0
        self._paying: asyncio.Task[None] | None = None

    async def drop(self, keys: set[str]) -> None:
        """Drop the values now, or as soon as Valkey can be asked."""
        try:
            await self._leases.drop(sorted(keys))
        except CacheUnavailableError:
            self._keys |= keys
            self._end = monotonic() + self._seconds
            if self._paying is None or self._paying.done():
                self._paying = asyncio.create_task(self._pay())

    async def close(self) -> None:
        """Stop trying, after a last time."""
        if self._paying is None or self._paying.done():
            return
        self._paying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._paying
        try:
            await self._leases.drop(sorted(self._keys))
        except CacheUnavailableError:
            log.warning("cache was not told of changes", keys=sorted(self._keys), seconds=self._seconds)

    async def _pay(self) -> None:
        """Try until it is done, or all that was kept before has ended by itself."""
        while self._keys and monotonic() < self._end:
            await asyncio.sleep(DEBT_PAUSE_SECONDS)
            told = frozenset(self._keys)
            with contextlib.suppress(CacheUnavailableError):  # it is logged where it is raised
                await self._leases.drop(sorted(told))
                self._keys -= told
        self._keys.clear()


def product_key(sku: str) -> str:
    """Where a product is kept. A SKU has no colon, so no product's key is another's lease."""
    return f"catalog:product:{sku}"


async def _straight(load: Load[Kept]) -> Kept:
    REQUESTS.labels("unavailable").inc()
    return await load()


def _jitter() -> float:
    """Spreads the ends of values that began together."""
    return 0.8 + 0.2 * random.random()  # noqa: S311 - no secret
