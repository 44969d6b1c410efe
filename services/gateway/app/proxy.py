"""The proxy itself: one request in, one request out, both bodies streamed, each side's end told to the other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.headers import Hop, request_headers, response_headers
from app.paths import normalized
from app.routing import Routing
from app.settings import GatewaySettings
from app.table import Route
from blueprint_kit.limits import BodyLimit, content_length, has_body, limited
from blueprint_kit.logs import logger
from blueprint_kit.outbound import Upstream
from blueprint_kit.problems import Problem
from blueprint_kit.requests import ROUTE

log = logger(__name__)


class Proxy:
    """The ASGI application that serves every path of the table in force."""

    def __init__(self, routing: Routing, settings: GatewaySettings) -> None:
        self._routing = routing
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = normalized(scope["raw_path"])
        route = self._route(scope, path)
        async with self._routing.use(route) as upstream:
            limit = BodyLimit(min(route.body_limit_bytes, self._settings.body_limit_bytes), self._settings.body_seconds)
            body = Body(scope, await limited(scope, receive, limit), route.timeout_seconds)
            request = self._request(scope, route, path, body)
            await until_client_leaves(self._exchange(upstream, request, send), body)

    def _route(self, scope: Scope, path: str) -> Route:
        route = self._routing.find(path)
        if route is None:
            raise Problem(404, f"there is no resource at {scope['path']}")
        scope[ROUTE] = route.path
        if scope["method"] not in route.methods:
            detail = f"{scope['method']} is not allowed on {route.path}"
            raise Problem(405, detail, headers={"Allow": ", ".join(route.methods)})
        return route

    def _request(self, scope: Scope, route: Route, path: str, body: "Body") -> httpx.Request:
        hop = hop_of(scope)
        headers = request_headers(scope["headers"], hop, trusted=hop.trusted(self._settings.trusted_proxies))
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        # A client that takes its time to send the body must not look like an upstream that does not answer.
        head_seconds = route.timeout_seconds * (2 if has_body(scope) else 1)
        request = httpx.Request(
            scope["method"],
            route.upstream,
            headers=headers,
            content=body.pieces() if has_body(scope) else None,
            extensions={"target": route.target(path).encode() + query, "head_seconds": head_seconds},
        )
        if content_length(scope) == 0:
            request.headers["Content-Length"] = "0"
        return request

    async def _exchange(self, upstream: Upstream, request: httpx.Request, send: Send) -> None:
        response = await upstream.handle_async_request(request)
        try:
            headers = response_headers(response.headers.raw)
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            async for piece in raw_body(response):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except httpx.TransportError as error:
            # The head has gone out: the answer stays incomplete, and closing the connection says so.
            log.warning("upstream broke off", upstream=upstream.name, error=repr(error))
        finally:
            await response.aclose()


class Body:
    """The client's body, and its leaving."""

    def __init__(self, scope: Scope, receive: Receive, seconds: float) -> None:
        self._receive = receive
        self._seconds = seconds
        self._has_body = has_body(scope)
        self._read = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ClientDisconnect, or a problem when the client breaks a limit."""
        more, deadline = True, asyncio.get_running_loop().time() + self._seconds
        while more:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await self._receive()
            except TimeoutError:
                raise Problem(408, f"the body was not complete within {self._seconds:g} s") from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]
        self._read.set()

    async def left(self) -> None:
        """Return when the client has gone away."""
        if self._has_body:
            await self._read.wait()  # until then `pieces` notices
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def until_client_leaves(exchange: Coroutine[Any, Any, None], body: Body) -> None:
    """Run `exchange`, and cancel it as soon as nobody waits for its answer."""
    work = asyncio.create_task(exchange)
    leaving = asyncio.create_task(body.left())
    try:
        await asyncio.wait([work, leaving], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        else:
            raise ClientDisconnect
    finally:
        for task in (work, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):  # what matters was raised above
                await task


def hop_of(scope: Scope) -> Hop:
    """The connection of a request."""
    client = scope["client"][0] if scope.get("client") else "0.0.0.0"  # noqa: S104 - unknown, RFC 7239 aside
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return Hop(client, host.decode("latin-1"), scope["scheme"])


async def raw_body(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as the upstream sent it, still compressed."""
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the response's stream is not asynchronous")
    async for piece in stream:
        yield piece
