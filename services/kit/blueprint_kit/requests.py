"""What happens around every request: its id, its line in the log, its metrics, and the last answer to an error."""

import asyncio
import re
import time
from email.utils import formatdate
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blueprint_kit import metrics
from blueprint_kit.logs import bind_request_id, logger
from blueprint_kit.probes import PATHS, Probes
from blueprint_kit.problems import Problem, response

REQUEST_ID = b"x-request-id"
ROUTE = "blueprint.route"  # the scope's key for a route template that no router set
CLIENT_CLOSED = 499  # nginx's number for a client that went away; it is logged and counted, never sent

_REQUEST_ID_RULE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_UNEXPECTED = "the service met an error that it did not expect; its log has it under this request's id"

_ENDING = "the service ends before the request does; try again"

log = logger(__name__)


def request_id_from(headers: list[tuple[bytes, bytes]]) -> str:
    """The request's own id if it brings exactly one that is safe to log and pass on, else a new one."""
    given = [value for name, value in headers if name == REQUEST_ID]
    if len(given) == 1 and _REQUEST_ID_RULE.fullmatch(given[0]):
        return given[0].decode("ascii")
    return uuid4().hex


class Exchange:
    """One request and what is sent back for it."""

    def __init__(self, scope: Scope, send: Send, probes: Probes) -> None:
        self.scope = scope
        self.request_id = request_id_from(scope["headers"])
        self.status: int | None = None
        self.complete = False
        self.sent_bytes = 0
        self._send = send
        self._probes = probes
        self._began = time.perf_counter()

    async def send(self, message: Message) -> None:
        """Pass a message on to the client, with the headers that every response carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._headers(message.get("headers", []))}
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        await self._send(message)

    @property
    def route(self) -> str:
        """The template of the route that serves the request, so that its paths are one series."""
        if self.scope["path"] in PATHS:
            return str(self.scope["path"])
        if ROUTE in self.scope:
            return str(self.scope[ROUTE])
        return str(getattr(self.scope.get("route"), "path", "unmatched"))

    @property
    def seconds(self) -> float:
        """Time since the request's head."""
        return time.perf_counter() - self._began

    def _headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        kept = [(name, value) for name, value in headers if name.lower() != REQUEST_ID]
        kept.append((REQUEST_ID, self.request_id.encode()))
        names = {name.lower() for name, _ in kept}
        if b"date" not in names:
            kept.append((b"date", formatdate(usegmt=True).encode()))
        if self._probes.draining and b"connection" not in names:
            kept.append((b"connection", b"close"))  # so that clients move to a pod that stays
        return kept


class RequestMiddleware:
    """Gives each request an id, answers what nothing else answered, logs one line and counts it."""

    def __init__(self, app: ASGIApp, probes: Probes) -> None:
        self._app = app
        self._probes = probes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, send, self._probes)
        bind_request_id(exchange.request_id)
        with metrics.IN_FLIGHT.track_inprogress():
            try:
                await self._serve(exchange, receive)
            finally:
                _record(exchange)

    async def _serve(self, exchange: Exchange, receive: Receive) -> None:
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = CLIENT_CLOSED
        except asyncio.CancelledError:  # the server ends; nobody waits for this task but the server
            log.warning("request cut off by the end of the service")
            await self._fail(
                exchange, receive, Problem(503, _ENDING, kind="shutting-down", headers={"Retry-After": "1"})
            )
        except Exception as error:
            problem = error if isinstance(error, Problem) else Problem(500, _UNEXPECTED)
            if problem is not error:
                log.exception("unexpected error")
            await self._fail(exchange, receive, problem)

    async def _fail(self, exchange: Exchange, receive: Receive, problem: Problem) -> None:
        """Answer with `problem`. An answer that has begun stays incomplete, and the server closes the connection."""
        if exchange.status is None:
            await response(problem, exchange.scope["path"])(exchange.scope, receive, exchange.send)


def _record(exchange: Exchange) -> None:
    scope, seconds = exchange.scope, exchange.seconds
    status = exchange.status or CLIENT_CLOSED
    route, method = exchange.route, metrics.method_label(scope["method"])
    probe = route in PATHS
    if not probe:
        metrics.REQUESTS.labels(method, route, str(status)).inc()
        metrics.DURATION.labels(method, route).observe(seconds)
    say = log.debug if probe else log.info
    say(
        "request",
        method=scope["method"],
        path=scope["path"],
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 2),
        bytes=exchange.sent_bytes,
        complete=exchange.complete,
        client=(scope.get("client") or [None])[0],
    )
