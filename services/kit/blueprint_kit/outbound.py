"""Requests to other services: one `Upstream` per process and origin, with time limits, retries and a circuit breaker.

A request that found no connection is repeated, whatever it is, since nothing of it was sent. One whose connection broke
before the response's head is repeated only if its method is idempotent and its body can be sent again. What finally
fails is raised as a problem, so a service that does not handle it answers with it.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from blueprint_kit import metrics
from blueprint_kit.breaker import BreakerPolicy, CircuitBreaker, CircuitOpenError
from blueprint_kit.logs import current_request_id, logger
from blueprint_kit.pool import Lease, LeasedStream, PoolPolicy, RotatingPool
from blueprint_kit.problems import Problem

UNCONNECTED = (httpx.ConnectError, httpx.ConnectTimeout)
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110, section 9.2.2
UNAVAILABLE = frozenset({502, 503, 504})  # an upstream's own words for "not now": failures to the circuit breaker

log = logger(__name__)


@dataclass(frozen=True)
class CallPolicy:
    """Limits in seconds of one call and its attempts.

    `head_seconds` bounds all attempts up to the response's head; `read_seconds` bounds each wait for bytes after it.
    Up to `attempts` are made; the pauses between them double from `backoff_seconds` to `backoff_most_seconds`.
    A response to a repeatable request is read whole before it is handed on if it states no more than `whole_bytes`.
    """

    connect_seconds: float = 1.0
    read_seconds: float = 10.0
    pool_seconds: float = 1.0
    head_seconds: float = 10.0
    attempts: int = 10
    backoff_seconds: float = 0.025
    backoff_most_seconds: float = 0.4
    whole_bytes: int = 65_536
    pool: PoolPolicy = field(default_factory=PoolPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)

    def timeouts(self) -> dict[str, float]:
        """The limits as httpx's transports read them."""
        return {
            "connect": self.connect_seconds,
            "read": self.read_seconds,
            "write": self.read_seconds,
            "pool": self.pool_seconds,
        }


class UpstreamBroken(Problem):
    """502: the upstream cannot be reached, or broke the connection, or does not speak HTTP."""

    def __init__(self, upstream: str, why: str) -> None:
        super().__init__(502, f"{upstream} {why}", kind="upstream-broken", upstream=upstream)


class UpstreamUnavailable(Problem):
    """503: the upstream is not asked now."""

    def __init__(self, upstream: str, why: str, retry_after: float) -> None:
        headers = {"Retry-After": str(max(1, round(retry_after)))}
        super().__init__(503, f"{upstream} {why}", kind="upstream-unavailable", headers=headers, upstream=upstream)


class UpstreamTimeout(Problem):
    """504: the upstream did not answer in time."""

    def __init__(self, upstream: str, seconds: float) -> None:
        detail = f"{upstream} did not answer within {seconds:g} s"
        super().__init__(504, detail, kind="upstream-timeout", upstream=upstream)


class Upstream(httpx.AsyncBaseTransport):
    """Everything between a request and the connection to one upstream. A transport of httpx; needs no client."""

    def __init__(
        self, name: str, policy: CallPolicy | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.policy = policy or CallPolicy()
        self.breaker = CircuitBreaker(self.policy.breaker, clock)
        self._pool = RotatingPool(self.policy.pool, clock)
        metrics.BREAKER_OPEN.labels(name).set(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the response's body is still to be read. Raises a problem of 502, 503 or 504."""
        try:
            permit = self.breaker.admit()
        except CircuitOpenError as error:
            self._count(request, "refused")
            raise UpstreamUnavailable(
                self.name, "does not answer and is left alone for a while", error.seconds
            ) from None
        began, ok, outcome = time.perf_counter(), None, "cancelled"
        try:
            response = await self._call(request)
            ok, outcome = response.status_code not in UNAVAILABLE, str(response.status_code)
            return response
        except UpstreamUnavailable:
            outcome = "no_connection_free"  # too many calls from here: no fault of the upstream
            raise
        except (UpstreamBroken, UpstreamTimeout) as error:
            ok, outcome = False, error.kind
            raise
        finally:
            self.breaker.record(permit, ok)
            self._count(request, outcome)
            metrics.CALL_DURATION.labels(self.name).observe(time.perf_counter() - began)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    def _count(self, request: httpx.Request, outcome: str) -> None:
        metrics.CALLS.labels(self.name, metrics.method_label(request.method), outcome).inc()
        metrics.BREAKER_OPEN.labels(self.name).set(self.breaker.state.value)

    async def _call(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "timeout": self.policy.timeouts()}
        request_id = current_request_id()
        if request_id is not None:
            request.headers["X-Request-Id"] = request_id
        seconds = float(request.extensions.get("head_seconds", self.policy.head_seconds))
        try:
            async with asyncio.timeout(seconds):
                return await self._attempts(request)
        except httpx.PoolTimeout as error:
            raise UpstreamUnavailable(self.name, "has as many requests from here as are allowed", 1) from error
        except UNCONNECTED as error:
            raise UpstreamBroken(self.name, "cannot be reached") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise UpstreamTimeout(self.name, seconds) from error
        except httpx.TransportError as error:
            raise UpstreamBroken(self.name, _explained(error)) from error

    async def _attempts(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(1, self.policy.attempts):
            lease = await self._pool.take()
            try:
                return await self._attempt(request, lease)
            except UNCONNECTED as error:
                log.debug("connection failed", upstream=self.name, attempt=attempt, error=repr(error))
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                await self._pool.retire(lease)  # the other connections may lead to the same broken process
                if not repeatable(request):
                    raise
                log.debug("connection broke", upstream=self.name, attempt=attempt, error=repr(error))
            metrics.RETRIES.labels(self.name).inc()
            await asyncio.sleep(pause(self.policy, attempt, random.random()))  # noqa: S311 - jitter is no secret
        return await self._attempt(request, await self._pool.take())

    async def _attempt(self, request: httpx.Request, lease: Lease) -> httpx.Response:
        """One attempt; the lease goes back here unless the response takes it along."""
        try:
            response = await lease.transport.handle_async_request(request)
        except BaseException:
            await self._pool.give_back(lease)
            raise
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport answered with a synchronous stream")
        response.stream = LeasedStream(response.stream, self._pool, lease)
        response.request = request
        if repeatable(request) and _stated_length(response) <= self.policy.whole_bytes:
            await _read_whole(response)
        return response


def repeatable(request: httpx.Request) -> bool:
    """Whether it may be sent again once it was sent: an idempotent method, and a body that sending does not consume."""
    return request.method in IDEMPOTENT and isinstance(request.stream, httpx.ByteStream)


def pause(policy: CallPolicy, attempt: int, chance: float) -> float:
    """The seconds to wait after the failed `attempt` (from 1): half of them fixed, half times `chance` (0 to 1)."""
    full = min(policy.backoff_most_seconds, policy.backoff_seconds * 2.0 ** (attempt - 1))
    return full * (0.5 + 0.5 * chance)


def _stated_length(response: httpx.Response) -> float:
    try:
        return float(int(response.headers["content-length"]))
    except (KeyError, ValueError):
        return float("inf")


async def _read_whole(response: httpx.Response) -> None:
    """Read the body without decoding it, so that a connection that breaks now can still be retried."""
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the response's stream is not asynchronous")
    try:
        body = b"".join([piece async for piece in stream])
    finally:
        await stream.aclose()
    response.stream = httpx.ByteStream(body)


def _explained(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.NetworkError):
        return "broke the connection"
    return "did not answer with valid HTTP"
