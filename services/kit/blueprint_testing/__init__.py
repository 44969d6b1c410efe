"""What the services' tests share: a service on real ports, requests byte by byte, and upstreams that misbehave.

Not in any image: images hold `blueprint_kit` only.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI

from blueprint_kit.probes import Probes
from blueprint_kit.server import serve
from blueprint_kit.settings import ServiceSettings

LOOPBACK = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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

    async def metric(self, sample: str) -> float:
        """The value of a sample as /metrics shows it, 0 if it shows none."""
        async with httpx.AsyncClient(timeout=5) as client:
            lines = (await client.get(f"http://{LOOPBACK}:{self.metrics_port}/metrics")).text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")), 0.0)


@contextlib.asynccontextmanager
async def running(app: FastAPI, settings: ServiceSettings) -> AsyncIterator[Running]:
    """Serve `app` on free ports of loopback until the block ends."""
    stop, ports = asyncio.Event(), asyncio.get_running_loop().create_future()
    ended = asyncio.create_task(serve(app, settings, stop, lambda *bound: ports.set_result(bound)))
    await asyncio.wait([ended, ports], return_when=asyncio.FIRST_COMPLETED, timeout=5)
    if ended.done():
        raise RuntimeError(f"the service did not start: {ended.exception()!r}")
    port, metrics_port = ports.result()
    service = Running(app, port, metrics_port, stop, ended)
    try:
        async with asyncio.timeout(5):
            while not service.probes.started:
                await asyncio.sleep(0.01)
        yield service
    finally:
        service.probes.draining = True
        stop.set()
        await asyncio.wait_for(ended, 20)


async def say(port: int, request: bytes, *, seconds: float = 3.0) -> bytes:
    """Send bytes and return all that comes until the other side closes or `seconds` are over."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    answer = b""
    try:
        writer.write(request)
        async with asyncio.timeout(seconds):
            while piece := await reader.read(65_536):
                answer += piece
    except (TimeoutError, ConnectionResetError):
        pass  # what came until then is the answer
    finally:
        writer.close()
    return answer


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


@contextlib.asynccontextmanager
async def upstream(
    handle: Callable[[Upstream, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Upstream]:
    """An upstream on a free port of loopback; `handle` gets each connection."""
    made = Upstream()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        try:
            await handle(made, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has gone away, as upstreams' clients do
        finally:
            writer.close()

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def answer(body: bytes = b"ok", status: str = "200 OK", *fields: bytes) -> bytes:
    """The bytes of a response."""
    head = [b"HTTP/1.1 " + status.encode(), b"content-length: %d" % len(body), *fields]
    return b"\r\n".join([*head, b"", b""]) + body


def break_off(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, with a reset."""
    writer.transport.abort()
