"""What a client may send: size of head, target and body, and how long it may pause while it sends the body.

The head's first limit, before it is complete, is `blueprint_kit.protocol`'s.
"""

import asyncio
import time
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blueprint_kit.problems import Problem
from blueprint_kit.settings import ServiceSettings

LINGER_SECONDS = 1.0
LINGER_BYTES = 4 * 1024 * 1024
_CLOSE = {"Connection": "close"}


@dataclass(frozen=True)
class BodyLimit:
    """How large a body may be in bytes, and how many seconds may pass between two pieces of it."""

    size: int
    seconds: float


class LimitMiddleware:
    """Refuses requests that are too large: 414, 431, 413, or 408 when the body does not come."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within the limits."""
        if scope["type"] == "http":
            check_head(scope, self._settings)
            limit = BodyLimit(self._settings.body_limit_bytes, self._settings.body_seconds)
            receive = await limited(scope, receive, limit)
        await self._app(scope, receive, send)


def check_head(scope: Scope, settings: ServiceSettings) -> None:
    """Raise 414 or 431 for a head that is too large. RFC 9110, section 15.5.15; RFC 6585, section 5."""
    target = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    if target > settings.url_limit_bytes:
        limit = settings.url_limit_bytes
        raise Problem(414, f"the request's target has {target} bytes; at most {limit} are allowed", headers=_CLOSE)
    fields = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if fields + target > settings.head_limit_bytes:
        raise head_too_large(settings.head_limit_bytes)


def head_too_large(limit: int) -> Problem:
    """The problem of a head over `limit` bytes."""
    return Problem(431, f"the request's head has more than the {limit} bytes allowed", headers=_CLOSE)


def content_length(scope: Scope) -> int | None:
    """The length that the request's head states, if it states one."""
    found = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(found[0]) if found else None


def has_body(scope: Scope) -> bool:
    """Whether the request has a body (RFC 9112, section 6.3: only these two fields say so)."""
    chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    return chunked or bool(content_length(scope))


async def limited(scope: Scope, receive: Receive, limit: BodyLimit) -> Receive:
    """`receive` that raises 413 once the body is larger than `limit`, whether its length was stated or not."""
    stated = content_length(scope)
    if stated is not None and stated > limit.size:
        await _refuse(scope, receive, limit)
    received, ended = 0, not has_body(scope)

    async def next_message() -> Message:
        nonlocal received, ended
        if ended:  # what comes now is the client's leaving, which has no time limit
            return await receive()
        try:
            async with asyncio.timeout(limit.seconds):
                message = await receive()
        except TimeoutError:
            detail = f"no more of the body came within {limit.seconds:g} s"
            raise Problem(408, detail, headers=_CLOSE) from None
        received += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if received > limit.size:
            await _refuse(scope, receive, limit, ended=ended)
        return message

    return next_message


async def _refuse(scope: Scope, receive: Receive, limit: BodyLimit, *, ended: bool = False) -> None:
    """Raise 413 after reading on for a moment: a client still sending would get a reset instead of the answer."""
    waits = any(name == b"expect" for name, _ in scope["headers"])  # the client sends nothing until it is told to
    if not ended and not waits:
        await _linger(receive)
    detail = f"the request's body is larger than the {limit.size} bytes allowed"
    raise Problem(413, detail, headers=_CLOSE)


async def _linger(receive: Receive) -> None:
    read, until = 0, time.monotonic() + LINGER_SECONDS
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while read < LINGER_BYTES and time.monotonic() < until:
                message = await receive()
                read += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return  # the client is slow; it gets its answer now
