"""A Prometheus of the tests' own: it answers what a test says, as slowly or as wrongly as the test wants."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from blueprint_testing import LOOPBACK

GRAPHS: list[dict[str, Any]] = [
    {
        "name": "requests",
        "title": "Requests",
        "unit": "requests/s",
        "why": "How much each service is asked.",
        "query": 'sum by (service) (rate(http_requests_total{job="services"}[1m]))',
        "by": ["service"],
    },
    {"name": "age", "title": "Age", "unit": "s", "why": "How old it is.", "query": "max(age)"},
]


def graphs_file(graphs: list[dict[str, Any]] | None = None) -> str:
    """The content of a file of graphs."""
    return json.dumps({"graphs": GRAPHS if graphs is None else graphs})


def matrix(*series: tuple[dict[str, str], Sequence[tuple[float, str]]]) -> bytes:
    """What Prometheus answers to a range query."""
    result = [{"metric": metric, "values": values} for metric, values in series]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


class PrometheusServer:
    """Notes what it was asked; the rest is how it answers: `drip` is the pause between two bytes of the body."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.body = matrix()
        self.head_delay = 0.0
        self.body_delay = 0.0
        self.drip = 0.0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until the client ends it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                target = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1]
                parts = urlsplit(target)
                self.asked.append({"path": parts.path} | {key: one for key, (one,) in parse_qs(parts.query).items()})
                await asyncio.sleep(self.head_delay)
                head = (
                    f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                writer.write(head.encode())
                await writer.drain()
                await asyncio.sleep(self.body_delay)
                for part in [self.body[at : at + 1] for at in range(len(self.body))] if self.drip else [self.body]:
                    writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    await writer.drain()
                    await asyncio.sleep(self.drip)
                writer.write(b"0\r\n\r\n")


@contextlib.asynccontextmanager
async def prometheus_server() -> AsyncIterator[PrometheusServer]:
    """Such a server on a free port of loopback."""
    known = PrometheusServer()
    serving = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(known.serve(reader, writer)))

    server = await asyncio.start_server(accept, LOOPBACK, 0)
    known.port = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
