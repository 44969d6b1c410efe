"""The server's HTTP protocol, made strict: limits on a head's size and time, and problem documents for bad ones."""

import asyncio
import ssl
from typing import Any
from uuid import uuid4

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from blueprint_kit import metrics
from blueprint_kit.limits import head_too_large
from blueprint_kit.logs import logger
from blueprint_kit.problems import MEDIA_TYPE, Problem, encode, phrase_of
from blueprint_kit.settings import ServiceSettings

log = logger(__name__)


class ServiceConfig(uvicorn.Config):
    """uvicorn's configuration with the service's settings, which the protocol reads, and its TLS if it has any."""

    def __init__(
        self, app: Any, settings: ServiceSettings, context: ssl.SSLContext | None = None, **given: Any
    ) -> None:
        super().__init__(app, http=ServiceProtocol, **given)
        self.settings = settings
        self._context = context

    def load(self) -> None:
        """uvicorn reads its certificate once; this context is changed when the files are."""
        super().load()
        self.ssl = self._context


class ServiceProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which sets no limit to a head and answers a bad one in plain text."""

    config: ServiceConfig

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first head."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time of the head."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count a head's bytes as they come, so that one without end is cut off."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        limit = self.config.settings.head_limit_bytes
        if self._in_head and self._head_bytes > limit and not self.transport.is_closing():
            self._refuse(head_too_large(limit))

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True
        self._start_timer()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head = False
        self._head_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse(Problem(400, "the request is not valid HTTP/1.1", kind="malformed-request"))

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(self.config.settings.head_seconds, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        if self.transport.is_closing():
            return
        if self._head_bytes == 0:
            self.transport.close()  # nothing was asked, so nothing is answered
        else:
            self._refuse(Problem(408, f"the head was not complete within {self.config.settings.head_seconds:g} s"))

    def _refuse(self, problem: Problem) -> None:
        """Write the answer to a request that no application sees, and close."""
        request_id = uuid4().hex
        status = problem.status_code
        body = encode(problem, "", request_id)
        lines = [
            f"HTTP/1.1 {status} {phrase_of(status)}",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            f"x-request-id: {request_id}",
            "cache-control: no-store",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
        metrics.REQUESTS.labels("other", "unmatched", str(status)).inc()
        client = self.client[0] if self.client else None
        log.info("request refused", status=status, detail=problem.detail, request_id=request_id, client=client)
