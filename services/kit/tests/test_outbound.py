"""Requests to other services, against upstreams that misbehave."""

import asyncio

import httpx
import pytest
from blueprint_testing import Upstream, answer, break_off, upstream

from blueprint_kit.breaker import BreakerPolicy
from blueprint_kit.logs import bind_request_id
from blueprint_kit.outbound import (
    CallPolicy,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnavailable,
    outbound_client,
    pause,
)
from blueprint_kit.outbound import (
    Upstream as Outbound,
)
from blueprint_kit.pool import PoolPolicy

QUICK = CallPolicy(read_seconds=0.3, head_seconds=1, pool_seconds=0.1, attempts=4, backoff_seconds=0.01)


def only(count: int):  # type: ignore[no-untyped-def]
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
    async with upstream(only(2)) as made, outbound_client("shop", made.url, QUICK) as client:
        assert (await client.get("/things")).text == "ok"
        assert made.connections == 3


async def test_repetition_is_bounded() -> None:
    async with upstream(only(99)) as made, outbound_client("shop", made.url, QUICK) as client:
        with pytest.raises(UpstreamBroken) as broken:
            await client.get("/things")
        assert made.connections == QUICK.attempts
        assert broken.value.status_code == 502


async def test_post_is_sent_once() -> None:
    async with upstream(only(99)) as made, outbound_client("shop", made.url, QUICK) as client:
        with pytest.raises(UpstreamBroken):
            await client.post("/things", json={})
        assert made.connections == 1


async def test_put_with_a_body_that_can_be_sent_again_is_repeated() -> None:
    async with upstream(only(1)) as made, outbound_client("shop", made.url, QUICK) as client:
        assert (await client.put("/things", content=b"x")).status_code == 200
        assert made.connections == 2


async def test_put_with_a_stream_is_sent_once() -> None:
    async def body():  # type: ignore[no-untyped-def]
        yield b"x"

    async with upstream(only(99)) as made, outbound_client("shop", made.url, QUICK) as client:
        with pytest.raises(UpstreamBroken):
            await client.put("/things", content=body())
        assert made.connections == 1


async def test_small_answer_that_breaks_in_its_body_is_asked_for_again() -> None:
    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        whole = answer(b"0123456789")
        writer.write(whole[:-4] if made.connections == 1 else whole)
        await writer.drain()

    async with upstream(handle) as made, outbound_client("shop", made.url, QUICK) as client:
        assert (await client.get("/things")).text == "0123456789"
        assert made.connections == 2


async def test_refused_connection_is_502_after_attempts() -> None:
    async with upstream(only(0)) as made:
        url = made.url
    async with outbound_client("shop", url, QUICK) as client:
        with pytest.raises(UpstreamBroken, match="cannot be reached"):
            await client.get("/things")


async def test_silent_upstream_is_504_and_not_repeated() -> None:
    async def silent(made: Upstream, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        await asyncio.sleep(5)

    async with upstream(silent) as made, outbound_client("shop", made.url, QUICK) as client:
        with pytest.raises(UpstreamTimeout) as late:
            await client.get("/things")
        assert late.value.status_code == 504
        assert made.connections == 1


async def test_more_requests_than_connections_is_503() -> None:
    async def slow(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        await asyncio.sleep(0.25)
        writer.write(answer())

    policy = CallPolicy(pool_seconds=0.05, pool=PoolPolicy(connections=1))
    async with upstream(slow) as made, outbound_client("shop", made.url, policy) as client:
        results = await asyncio.gather(client.get("/"), client.get("/"), return_exceptions=True)
    assert [type(result) for result in results] == [httpx.Response, UpstreamUnavailable]


async def test_request_id_is_passed_on() -> None:
    async with upstream(only(0)) as made, outbound_client("shop", made.url, QUICK) as client:
        bind_request_id("given-1")
        await client.get("/things")
        assert b"x-request-id: given-1" in made.heads[0].lower()


async def test_circuit_opens_refuses_without_asking_and_closes_again() -> None:
    healthy = asyncio.Event()

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        writer.write(answer() if healthy.is_set() else answer(b"", "503 Service Unavailable"))

    policy = CallPolicy(breaker=BreakerPolicy(least=4, open_seconds=0.3))
    async with upstream(handle) as made, outbound_client("shop", made.url, policy) as client:
        for _ in range(4):
            assert (await client.get("/")).status_code == 503
        with pytest.raises(UpstreamUnavailable) as refused:
            await client.get("/")
        assert refused.value.headers == {"Retry-After": "1"}
        assert len(made.heads) == 4, "it was not asked"
        healthy.set()
        await asyncio.sleep(0.35)
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/")).status_code == 200


async def test_connections_do_not_grow_old() -> None:
    policy = CallPolicy(pool=PoolPolicy(age_seconds=0.15))
    async with upstream(only(0)) as made, outbound_client("shop", made.url, policy) as client:
        for _ in range(3):
            await client.get("/")
        assert made.connections == 1, "a young connection is used again"
        await asyncio.sleep(0.2)
        await client.get("/")
        assert made.connections == 2


async def test_old_pool_closes_when_its_last_user_is_done() -> None:
    async with upstream(only(0)) as made:
        transport = Outbound("shop", CallPolicy(pool=PoolPolicy(age_seconds=0.05), whole_bytes=0))
        first = await transport.handle_async_request(httpx.Request("GET", made.url))
        await asyncio.sleep(0.1)
        second = await transport.handle_async_request(httpx.Request("GET", made.url))
        assert await first.aread() == b"ok", "the old pool is still there for its user"
        await first.aclose()
        await first.aclose()
        await second.aclose()
        await transport.aclose()


def test_pauses_double_up_to_the_most_and_half_of_each_is_chance() -> None:
    policy = CallPolicy(backoff_seconds=0.1, backoff_most_seconds=0.5)
    assert [pause(policy, attempt, 1.0) for attempt in (1, 2, 3, 4, 9)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert pause(policy, 2, 0.0) == 0.1
