"""The table in force, and the upstreams that it leads to. Owns their lives: a new table may come at any time.

An exchange keeps the upstream that it began with. An upstream that the table no longer leads to is closed when the
last exchange with it has ended.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from app.table import Route, Table
from blueprint_kit import metrics
from blueprint_kit.logs import logger
from blueprint_kit.outbound import CallPolicy, Upstream
from blueprint_kit.reloading import ReloadedFile

RELOAD_SECONDS = 2.0

log = logger(__name__)


class Target:
    """An upstream and how many exchanges use it."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.users = 0
        self.retired = False


class Routing:
    """Which route serves a path, and the upstream behind it, by the table that `file` holds now."""

    def __init__(self, file: ReloadedFile[Table]) -> None:
        self._file = file
        self._table = file.value
        self._targets = {origin: self._new_target(origin) for origin in self._table.origins()}

    def find(self, path: str) -> Route | None:
        """The route that serves a normalized path, if any does."""
        return self._table.find(path)

    @asynccontextmanager
    async def use(self, route: Route) -> AsyncIterator[Upstream]:
        """The upstream of a route that was just found, for one exchange."""
        target = self._targets[route.origin]
        target.users += 1
        try:
            yield target.upstream
        finally:
            target.users -= 1
            if target.retired and target.users == 0:
                await self._close(target)

    async def watch(self) -> NoReturn:
        """Take over each new table, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            self._file.look()
            if self._file.value is not self._table:
                await self._take_over(self._file.value)

    async def close(self) -> None:
        """Close all upstreams."""
        for target in self._targets.values():
            await self._retire(target)

    async def _take_over(self, table: Table) -> None:
        """Put a table in force at once, then end what it no longer leads to."""
        before, self._table = self._targets, table
        kept = {
            origin: target
            for origin, target in before.items()
            if origin in table.origins() and target.upstream.policy == policy(table, origin)
        }
        added = {origin: self._new_target(origin) for origin in table.origins() if origin not in kept}
        self._targets = kept | added
        vanished = [target for origin, target in before.items() if origin not in kept]
        names = {"added": sorted(added), "vanished": sorted(target.upstream.name for target in vanished)}
        log.info("routes taken over", routes=len(table.routes), **names)
        for target in vanished:
            await self._retire(target)

    async def _retire(self, target: Target) -> None:
        target.retired = True
        if target.users == 0:
            await self._close(target)

    async def _close(self, target: Target) -> None:
        await target.upstream.aclose()
        if target.upstream.name not in self._targets:  # else a circuit that was open would be shown open for ever
            metrics.BREAKER_OPEN.remove(target.upstream.name)

    def _new_target(self, origin: str) -> Target:
        return Target(Upstream(origin, policy(self._table, origin)))


def policy(table: Table, origin: str) -> CallPolicy:
    """The limits of calls to an upstream: as long as the slowest of its routes may take."""
    longest = max(route.timeout_seconds for route in table.routes if route.origin == origin)
    return CallPolicy(head_seconds=longest, read_seconds=longest)
