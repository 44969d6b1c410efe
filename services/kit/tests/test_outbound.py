"""Requests to other services, against upstreams that misbehave."""

import asyncio
import contextlib
import ctypes
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from blueprint_testing import LOOPBACK, Clock, Handler, Upstream, answer, break_off, eventually, reserved_port, upstream

from blueprint_kit import metrics
from blueprint_kit.breaker import BreakerPolicy
from blueprint_kit.logs import bind_request_id
from blueprint_kit.outbound import CallPolicy, UpstreamBroken, UpstreamTimeout, UpstreamUnavailable, pause
from blueprint_kit.outbound import Upstream as Outbound
from blueprint_kit.pool import PoolPolicy

QUICK = CallPolicy(attempts=4, backoff_seconds=0.01)


def calling(url: str, policy: CallPolicy = QUICK, clock: Clock | None = None) -> httpx.AsyncClient:
    """A client whose requests go through the kit."""
    return httpx.AsyncClient(transport=Outbound("shop", policy, clock or Clock()), base_url=url)


def only(count: int) -> Handler:
    """An upstream that breaks the first `count` connections and answers on the others."""

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        if made.connections <= count:
            break_off(writer)
            return
        writer.write(answer())
        await writer.drain()
        while await made.head(reader):
            writer.write(answer())

    return handle


async def test_get_is_repeated_on_another_connection() -> None:
    async with upstream(only(2)) as made, calling(made.url) as client:
        assert (await client.get("/things")).text == "ok"
        assert made.connections == 3


def deafen(writer: asyncio.StreamWriter) -> None:
    """From now on the kernel drops what comes to the connection, unacknowledged, as a network that was cut would.

    By a filter of one instruction: keep 0 bytes. Source: https://docs.kernel.org/networking/filter.html
    """
    instruction = ctypes.create_string_buffer(bytes([0x06, 0, 0, 0, 0, 0, 0, 0]))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(1, ctypes.addressof(instruction))
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, 26, bytes(program))  # SO_ATTACH_FILTER


async def test_get_to_an_upstream_that_is_cut_off_is_soon_repeated_on_another_connection() -> None:
    """A kept connection whose other end is gone without a word: not until the time limit, but until it is seen."""

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        writer.write(answer())
        await writer.drain()
        if made.connections == 1:
            deafen(writer)
        await made.head(reader)

    policy = CallPolicy(backoff_seconds=0.01, pool=PoolPolicy(unacknowledged_seconds=0.3))
    async with upstream(handle) as made, calling(made.url, policy) as client, asyncio.timeout(5):
        assert (await client.get("/things")).text == "ok"
        assert (await client.get("/things")).text == "ok"
        assert made.connections == 2


async def test_repetition_is_bounded() -> None:
    async with upstream(only(99)) as made, calling(made.url) as client:
        with pytest.raises(UpstreamBroken) as broken:
            await client.get("/things")
        assert made.connections == QUICK.attempts
        assert broken.value.status_code == 502


async def test_post_is_sent_once() -> None:
    async with upstream(only(99)) as made, calling(made.url) as client:
        with pytest.raises(UpstreamBroken):
            await client.post("/things", json={})
        assert made.connections == 1


async def test_put_with_a_body_that_can_be_sent_again_is_repeated() -> None:
    async with upstream(only(1)) as made, calling(made.url) as client:
        assert (await client.put("/things", content=b"x")).status_code == 200
        assert made.connections == 2


async def test_put_with_a_stream_is_sent_once() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    async with upstream(only(99)) as made, calling(made.url) as client:
        with pytest.raises(UpstreamBroken):
            await client.put("/things", content=body())
        assert made.connections == 1


async def test_small_answer_that_breaks_in_its_body_is_asked_for_again() -> None:
    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        whole = answer(b"0123456789")
        writer.write(whole[:-4] if made.connections == 1 else whole)
        await writer.drain()

    async with upstream(handle) as made, calling(made.url) as client:
        assert (await client.get("/things")).text == "0123456789"
        assert made.connections == 2


async def test_refused_connection_is_502_after_attempts() -> None:
    with reserved_port() as port:
        async with calling(f"http://{LOOPBACK}:{port}") as client:
            with pytest.raises(UpstreamBroken, match="cannot be reached"):
                await client.get("/things")


async def test_connection_that_is_not_accepted_in_time_cannot_be_reached() -> None:
    """The queue of a server that accepts nothing is full, so the kernel drops what asks for one more connection."""
    with contextlib.ExitStack() as held:
        server = held.enter_context(socket.socket())
        server.bind((LOOPBACK, 0))
        server.listen(0)
        held.enter_context(socket.create_connection(server.getsockname()))
        policy = CallPolicy(attempts=2, connect_seconds=0.2)
        async with calling(f"http://{LOOPBACK}:{server.getsockname()[1]}", policy) as client:
            with pytest.raises(UpstreamBroken, match="cannot be reached"):
                await client.post("/things", json={})


async def test_post_that_found_no_connection_is_repeated() -> None:
    """Whatever its body: none of it was sent."""

    async def body() -> AsyncIterator[bytes]:
        yield b"x"

    with reserved_port() as port:
        origin = f"http://{LOOPBACK}:{port}"
        retries = metrics.RETRIES.labels("shop")
        before = retries._value.get()

        async def refused() -> bool:
            return bool(retries._value.get() > before)

        async with calling(origin, CallPolicy()) as client, asyncio.timeout(5):
            asking = asyncio.create_task(client.post("/things", content=body()))
            await eventually(refused)
            async with upstream(only(0), port) as made:
                assert (await asking).status_code == 200
                assert made.connections == 1


async def test_silent_upstream_is_504_and_not_repeated() -> None:
    async def silent(made: Upstream, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        await reader.read()

    async with upstream(silent) as made, calling(made.url, CallPolicy(read_seconds=0.3)) as client:
        with pytest.raises(UpstreamTimeout) as late:
            await client.get("/things")
        assert late.value.status_code == 504
        assert made.connections == 1


async def test_more_requests_than_connections_is_503() -> None:
    asked, refused = asyncio.Event(), asyncio.Event()

    async def slow(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        asked.set()
        await refused.wait()
        writer.write(answer())

    policy = CallPolicy(pool_seconds=0.05, pool=PoolPolicy(connections=1))
    async with upstream(slow) as made, calling(made.url, policy) as client, asyncio.timeout(3):
        first = asyncio.create_task(client.get("/"))
        await asked.wait()
        with pytest.raises(UpstreamUnavailable):
            await client.get("/")
        refused.set()
        assert (await first).status_code == 200


async def test_request_id_is_passed_on() -> None:
    async with upstream(only(0)) as made, calling(made.url) as client:
        bind_request_id("given-1")
        await client.get("/things")
        assert b"x-request-id: given-1" in made.heads[0].lower()


async def test_circuit_opens_refuses_without_asking_and_closes_again() -> None:
    healthy = asyncio.Event()

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        writer.write(answer() if healthy.is_set() else answer(b"", "503 Service Unavailable"))

    policy, clock = CallPolicy(breaker=BreakerPolicy(least=4, open_seconds=3)), Clock()
    async with upstream(handle) as made, calling(made.url, policy, clock) as client:
        for _ in range(4):
            assert (await client.get("/")).status_code == 503
        with pytest.raises(UpstreamUnavailable) as refused:
            await client.get("/")
        assert refused.value.headers == {"Retry-After": "3"}
        assert len(made.heads) == 4, "it was not asked"
        healthy.set()
        clock.now += 3
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/")).status_code == 200


async def test_connections_do_not_grow_old() -> None:
    policy, clock = CallPolicy(pool=PoolPolicy(age_seconds=10, idle_seconds=60)), Clock()
    async with upstream(only(0)) as made, calling(made.url, policy, clock) as client:
        for _ in range(3):
            await client.get("/")
        assert made.connections == 1, "a young connection is used again"
        clock.now += 11
        await client.get("/")
        assert made.connections == 2


async def test_old_pool_closes_when_its_last_user_is_done() -> None:
    clock, closed = Clock(), asyncio.Event()

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        writer.write(answer())
        assert await reader.read() == b""
        closed.set()

    async with upstream(handle) as made:
        transport = Outbound("shop", CallPolicy(pool=PoolPolicy(age_seconds=10), whole_bytes=0), clock)
        first = await transport.handle_async_request(httpx.Request("GET", made.url))
        clock.now += 11
        second = await transport.handle_async_request(httpx.Request("GET", made.url))
        assert await first.aread() == b"ok", "the old pool is still there for its user"
        assert not closed.is_set()
        await first.aclose()
        await first.aclose()
        await asyncio.wait_for(closed.wait(), 5)
        await second.aclose()
        await transport.aclose()


def test_pauses_double_up_to_the_most_and_half_of_each_is_chance() -> None:
    policy = CallPolicy(backoff_seconds=0.1, backoff_most_seconds=0.5)
    assert [pause(policy, attempt, 1.0) for attempt in (1, 2, 3, 4, 9)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert pause(policy, 2, 0.0) == 0.1
