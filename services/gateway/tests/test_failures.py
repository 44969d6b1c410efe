"""Upstreams that fail, and clients that leave, each on its own socket."""

import asyncio
import time

import httpx
import pytest
from blueprint_testing import (
    LOOPBACK,
    Running,
    Upstream,
    answer,
    break_off,
    eventually,
    is_problem,
    reserved_port,
    say,
    upstream,
)
from conftest import Reader, Start, Writer

GET = b"GET /api/things HTTP/1.1\r\nHost: h\r\n\r\n"


async def test_upstream_that_cannot_be_reached_is_502(start: Start) -> None:
    with reserved_port() as port:
        gone = f"http://{LOOPBACK}:{port}"
        async with start(gone) as service, service.client() as asking:
            document = is_problem(await asking.get("/api/things"), 502, "upstream-broken")
            assert document["upstream"] == gone


async def test_upstream_that_does_not_answer_is_504_in_time(start: Start) -> None:
    async def silent(made: Upstream, reader: Reader, _writer: Writer) -> None:
        await made.head(reader)
        await reader.read()

    async with upstream(silent) as made, start(made.url, timeout_seconds=0.4) as service, service.client() as asking:
        began = time.monotonic()
        is_problem(await asking.get("/api/things"), 504, "upstream-timeout")
        assert time.monotonic() - began < 4
        assert made.connections == 1


async def test_upstream_whose_head_drips_is_504_in_time(start: Start) -> None:
    """No wait for bytes is long, but together they are."""

    async def drip(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x-more: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with upstream(drip) as made, start(made.url, timeout_seconds=0.4) as service, service.client() as asking:
        is_problem(await asyncio.wait_for(asking.get("/api/things"), 4), 504, "upstream-timeout")


async def test_upstream_that_speaks_no_http_is_502(start: Start) -> None:
    async def noise(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"hello\r\n\r\n")

    async with upstream(noise) as made, start(made.url) as service, service.client() as asking:
        is_problem(await asking.get("/api/things"), 502, "upstream-broken")


async def test_answer_that_breaks_off_looks_broken_to_the_client(start: Start) -> None:
    """Its head has gone out, so it can neither be asked for again nor be ended as if it were whole."""

    arrived = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await arrived.wait()
        break_off(writer)

    async with (
        upstream(handle) as made,
        start(made.url) as service,
        service.client() as asking,
        asking.stream("GET", "/api/things") as response,
    ):
        arriving = response.aiter_raw()
        assert await anext(arriving) == b"first"
        arrived.set()
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(arriving)
        assert made.connections == 1


async def test_answer_that_stops_coming_is_ended_in_time(start: Start) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        assert await reader.read() == b"", "the gateway gives up"

    async with upstream(handle) as made, start(made.url, timeout_seconds=1.5) as service, service.client() as asking:
        with pytest.raises(httpx.RemoteProtocolError):
            await asking.get("/api/things")


async def test_get_survives_broken_connections_and_post_is_sent_once(start: Start) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        if made.connections % 3:
            break_off(writer)
        else:
            writer.write(answer())

    async with (
        upstream(handle) as made,
        start(made.url, methods=["GET", "POST"]) as service,
        service.client() as asking,
    ):
        assert (await asking.get("/api/things")).status_code == 200
        assert made.connections == 3
        is_problem(await asking.post("/api/things", json={}), 502, "upstream-broken")
        assert made.connections == 4


async def work(made: Upstream, reader: Reader, writer: Writer) -> None:
    """Answers, and dies in the middle of it when its process is killed."""
    try:
        while await made.head(reader):
            await asyncio.sleep(0.005)
            writer.write(answer(b"x" * 500))
    finally:
        break_off(writer)


async def test_upstream_killed_under_load_fails_no_request(start: Start) -> None:
    """Processes behind one address take turns to die, as pods behind a Service do; between them it refuses."""
    statuses: list[int] = []
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            statuses.append((await asking.get("/api/things")).status_code)

    async def forty_answers() -> None:
        enough = len(statuses) + 40

        async def came() -> bool:
            return len(statuses) >= enough

        await eventually(came)

    with reserved_port() as port:
        url = f"http://{LOOPBACK}:{port}"
        async with start(url) as service, service.client() as asking, asyncio.TaskGroup() as tasks:
            loads = [tasks.create_task(load()) for _ in range(8)]
            for _ in range(4):
                async with upstream(work, port):
                    await forty_answers()
                await one_retry(service, url)
            async with upstream(work, port):
                await forty_answers()
                done.set()
                await asyncio.wait(loads)
    assert len(statuses) >= 200
    assert set(statuses) == {200}


async def one_retry(service: Running, url: str) -> None:
    """Wait until the gateway has met, and survived, that the upstream is gone."""
    sample = f'http_client_retries_total{{upstream="{url}"}}'
    before = await service.metric(sample)

    async def more() -> bool:
        return await service.metric(sample) > before

    await eventually(more)


async def test_open_circuit_answers_at_once_and_recovers(start: Start) -> None:
    healthy = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(answer() if healthy.is_set() else answer(b"", "503 Service Unavailable"))

    async with upstream(handle) as made, start(made.url) as service, service.client() as asking:

        async def recovered() -> bool:
            return (await asking.get("/api/things")).status_code == 200

        for _ in range(20):
            await asking.get("/api/things")
        refused = await asking.get("/api/things")
        is_problem(refused, 503, "upstream-unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert len(made.heads) == 20
        healthy.set()
        await eventually(recovered)
        assert len(made.heads) == 21, "it is left alone until the pause is over"


async def test_client_that_leaves_frees_the_upstream(start: Start) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def handle(made: Upstream, reader: Reader, _writer: Writer) -> None:
        await made.head(reader)
        asked.set()
        assert await reader.read() == b""
        left.set()

    async with upstream(handle) as made, start(made.url, timeout_seconds=30) as service:
        sample = 'http_requests_total{method="GET",route="/api/things",status="499"}'
        before = await service.metric(sample)

        async def counted() -> bool:
            return await service.metric(sample) == before + 1

        _reader, writer = await asyncio.open_connection(LOOPBACK, service.port)
        writer.write(GET)
        await asyncio.wait_for(asked.wait(), 5)
        writer.close()
        await asyncio.wait_for(left.wait(), 5)
        await eventually(counted)


async def test_client_that_leaves_during_the_answer_frees_the_upstream(start: Start) -> None:
    left = asyncio.Event()

    async def endless(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"4\r\nmore\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            left.set()

    async with upstream(endless) as made, start(made.url) as service:
        assert b"more" in await say(service.port, GET, until=b"more")
        await asyncio.wait_for(left.wait(), 5)
