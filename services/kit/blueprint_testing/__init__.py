"""What the services' tests share: a service on real ports, requests byte by byte, and upstreams that misbehave.

Not in any image: images hold `blueprint_kit` only.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from blueprint_kit.probes import Probes
from blueprint_kit.server import serve
from blueprint_kit.settings import ServiceSettings

LOOPBACK = "127.0.0.1"
START_SECONDS = 10.0
END_SECONDS = 20.0

# The settings of a service that a test starts: free ports of loopback, and an end without delay.
LOCAL: dict[str, Any] = {
    "http_host": LOOPBACK,
    "http_port": 0,
    "metrics_port": 0,
    "drain_seconds": 0,
    "shutdown_seconds": 2,
}


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


@dataclass
class Running:
    """A service that serves in this process."""

    app: FastAPI
    port: int
    metrics_port: int
    stop: asyncio.Event
    ended: asyncio.Task[bool]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def probes(self) -> Probes:
        """What its probes answer from."""
        probes: Probes = self.app.state.probes
        return probes

    def client(self) -> httpx.AsyncClient:
        """A new client of it."""
        return client(self.url)

    async def metric(self, sample: str) -> float:
        """The value of a sample as /metrics shows it, 0 if it shows none."""
        return await metric(self.metrics_port, sample)


@contextlib.asynccontextmanager
async def running(app: FastAPI, settings: ServiceSettings) -> AsyncIterator[Running]:
    """Serve `app` on free ports of loopback until the block ends."""
    stop = asyncio.Event()
    ports: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
    ended = asyncio.create_task(serve(app, settings, stop, lambda *both: ports.set_result(both)))
    either: set[asyncio.Future[Any]] = {ended, ports}
    try:
        async with asyncio.timeout(START_SECONDS):
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise RuntimeError("the service did not start; its log says why") from ended.exception()
        http_port, metrics_port = ports.result()
        yield Running(app, http_port, metrics_port, stop, ended)
    finally:
        app.state.probes.draining = True
        stop.set()
        await asyncio.wait_for(ended, END_SECONDS)


def client(url: str) -> httpx.AsyncClient:
    """A client of `url` on loopback: no proxy of the environment, and no certificates, which take long to read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(base_url=url, timeout=5, trust_env=False, verify=context)


async def metric(port: int, sample: str) -> float:
    """The value of a sample as /metrics on `port` shows it, 0 if it shows none."""
    async with client(f"http://{LOOPBACK}:{port}") as asking:
        lines = (await asking.get("/metrics")).text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")), 0.0)


async def eventually(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10.0) -> None:
    """Return as soon as `holds` does. Raises TimeoutError when it still does not after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.02)


def is_problem(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem document (RFC 9457) of a response, which must be whole and of this status and kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"urn:blueprint:problem:{kind}"
    assert document["status"] == status
    assert document["request_id"] == response.headers["x-request-id"]
    assert document["title"]
    assert document["detail"]
    return document


async def say(port: int, request: bytes, *, until: bytes | None = None, seconds: float = 10.0) -> bytes:
    """Send bytes and return all that comes until the other side closes, `until` came, or `seconds` are over."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    answer = b""
    try:
        writer.write(request)
        async with asyncio.timeout(seconds):
            while (until is None or until not in answer) and (piece := await reader.read(65_536)):
                answer += piece
    except (TimeoutError, ConnectionResetError):
        pass  # what came until then is the answer
    finally:
        writer.close()
    return answer


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port of loopback that nobody else takes. It refuses connections but while an `upstream` is made on it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOOPBACK, 0))
        yield held.getsockname()[1]


@dataclass
class Upstream:
    """A server that does with each connection what the test says."""

    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{LOOPBACK}:{self.port}"

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        """Read a request's head and remember it."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head


Handler = Callable[[Upstream, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def upstream(handle: Handler, port: int = 0) -> AsyncIterator[Upstream]:
    """An upstream on loopback, on a free port unless told; `handle` gets each connection.

    The end of the block ends each `handle` that still runs, and raises what one of them failed with.
    """
    made, handling = Upstream(), set[asyncio.Task[None]]()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(made, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has gone away, as upstreams' clients do
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        handling.add(asyncio.create_task(serve_one(reader, writer)))

    server = await asyncio.start_server(accept, LOOPBACK, port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in handling:
            task.cancel()
        ended = await asyncio.gather(*handling, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error


def answer(body: bytes = b"ok", status: str = "200 OK", *fields: bytes) -> bytes:
    """The bytes of a response."""
    head = [b"HTTP/1.1 " + status.encode(), b"content-length: %d" % len(body), *fields]
    return b"\r\n".join([*head, b"", b""]) + body


def break_off(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, with a reset."""
    writer.transport.abort()
