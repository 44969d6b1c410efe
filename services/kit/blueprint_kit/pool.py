"""Connections to one upstream, of which none grows old.

A Service's address is turned into a pod when a connection is made, so load spreads over new pods only if connections
end. httpx ends idle ones; this ends used ones too, by taking a new pool every few seconds while the old one empties.
"""

import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cache

import httpx


@dataclass(frozen=True)
class PoolPolicy:
    """How many connections there may be, how long one may be idle, and how old a pool may be, in seconds.

    `idle_seconds` must be less than the time that an upstream drains before it closes its port (`drain_seconds`), so
    that no request goes out on a connection that is just being closed.

    A connection breaks when what was sent is not acknowledged for `unacknowledged_seconds`. The kernel of a host
    acknowledges for a process however slow, so only one that is gone or cut off does not: the network policies drop
    all that is still sent to a pod whose object was deleted by force, and no word comes back.
    """

    connections: int = 100
    idle_seconds: float = 2.0
    age_seconds: float = 10.0
    unacknowledged_seconds: float = 2.0


class Lease:
    """The use of a pool by one exchange, from its request to the end of its response."""

    def __init__(self, pool: httpx.AsyncBaseTransport, born: float) -> None:
        self.transport = pool
        self.born = born
        self.users = 0
        self.retired = False


class RotatingPool:
    """The current pool and the old ones that still have users."""

    def __init__(self, policy: PoolPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._current: Lease | None = None
        _ssl_context()  # not in the first request, which would wait for it

    async def take(self) -> Lease:
        """The current pool, a new one if it is too old. Each `take` needs its `give_back`."""
        current = self._current
        if current is not None and self._clock() - current.born > self._policy.age_seconds:
            await self.retire(current)
            current = self._current  # another caller may have made the next one meanwhile
        if current is None:
            current = self._current = Lease(self._new_transport(), self._clock())
        current.users += 1
        return current

    async def give_back(self, lease: Lease) -> None:
        """End one use; the last user of an old pool closes it."""
        lease.users -= 1
        if lease.retired and lease.users == 0:
            await lease.transport.aclose()

    async def retire(self, lease: Lease) -> None:
        """Let nobody else use this pool: it is old, or a connection of it broke and the others are suspect."""
        if lease.retired:
            return
        lease.retired = True
        if self._current is lease:
            self._current = None
        if lease.users == 0:
            await lease.transport.aclose()

    async def aclose(self) -> None:
        """Close the current pool when its last user is done."""
        if self._current is not None:
            await self.retire(self._current)

    def _new_transport(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(
            max_connections=self._policy.connections,
            max_keepalive_connections=self._policy.connections,
            keepalive_expiry=self._policy.idle_seconds,
        )
        given_up = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._policy.unacknowledged_seconds * 1000))
        return httpx.AsyncHTTPTransport(
            verify=_ssl_context(), limits=limits, trust_env=False, socket_options=[given_up]
        )


class LeasedStream(httpx.AsyncByteStream):
    """A response's body that gives its lease back when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, pool: RotatingPool, lease: Lease) -> None:
        self._stream = stream
        self._pool = pool
        self._lease: Lease | None = lease

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            yield piece

    async def aclose(self) -> None:
        """Close the body; a second call does nothing."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            await self._stream.aclose()
        finally:
            await self._pool.give_back(lease)


@cache
def _ssl_context() -> ssl.SSLContext:
    """One context for all pools: reading the certificates takes longer than a request."""
    return ssl.create_default_context()
