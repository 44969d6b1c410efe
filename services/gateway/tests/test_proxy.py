"""What the gateway passes on, and what it refuses, in front of real upstreams, each on its own socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from blueprint_testing import Upstream, answer, is_problem, say, upstream
from conftest import Reader, Start, Writer

OVER_TEN_BYTES = (
    b"POST /api/things HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n"
)


async def plain(made: Upstream, reader: Reader, writer: Writer) -> None:
    """Answers everything with ok."""
    while await made.head(reader):
        writer.write(answer(b"ok", "200 OK", b"content-type: text/plain"))


async def echo(made: Upstream, reader: Reader, writer: Writer) -> None:
    """Answers with the body as it was sent, framing and all."""
    head = await made.head(reader)
    body = b""
    if b"transfer-encoding: chunked" in head.lower():
        body = await reader.readuntil(b"0\r\n\r\n")
    elif b"content-length: " in head.lower():
        body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    writer.write(answer(body))


def lines(head: bytes) -> list[bytes]:
    return head.lower().split(b"\r\n")


async def test_path_rest_and_query_are_passed_on_as_they_came(start: Start) -> None:
    async with upstream(plain) as made, start(made.url) as service:
        await say(
            service.port, b"GET /api/things/a%2Fb%20c?x=1&y=%2F&z HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        assert made.heads[0].startswith(b"GET /things/a%2Fb%20c?x=1&y=%2F&z HTTP/1.1\r\n")


async def test_request_fields_are_the_other_ends(start: Start) -> None:
    async with upstream(plain) as made, start(made.url) as service:
        request = (
            b"GET /api/things HTTP/1.1\r\nHost: shop.example\r\n"
            b"Connection: close, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\n"
            b"Upgrade: h2c\r\nX-Forwarded-For: 6.6.6.6\r\nAuthorization: Bearer t\r\nX-Request-Id: id-1\r\n\r\n"
        )
        await say(service.port, request)
        sent = lines(made.heads[0])
    assert f"host: 127.0.0.1:{made.port}".encode() in sent
    assert b"authorization: bearer t" in sent
    assert b"x-forwarded-for: 127.0.0.1" in sent
    assert b"x-forwarded-host: shop.example" in sent
    assert [line for line in sent if line.startswith(b"x-request-id")] == [b"x-request-id: id-1"]
    assert not [line for line in sent if line.startswith((b"x-mine", b"te:", b"upgrade", b"user-agent", b"accept"))]


async def test_upgrade_is_not_passed_on(start: Start) -> None:
    async with upstream(plain) as made, start(made.url) as service:
        request = b"GET /api/things HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        assert (await say(service.port, request, until=b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 ")
        assert not [line for line in lines(made.heads[0]) if line.startswith((b"upgrade", b"connection: upgrade"))]


async def test_request_without_an_id_gets_one_that_is_passed_on(start: Start) -> None:
    async with upstream(plain) as made, start(made.url) as service, service.client() as asking:
        made_here = (await asking.get("/api/things")).headers["x-request-id"]
        assert len(made_here) == 32
        assert f"x-request-id: {made_here}".encode() in lines(made.heads[0])


async def test_response_fields_are_the_other_ends(start: Start) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        fields = (b"Connection: X-Own", b"X-Own: 1", b"Keep-Alive: 5", b"Set-Cookie: a=1", b"Set-Cookie: b=2")
        writer.write(answer(b"ok", "200 OK", *fields, b"X-Request-Id: other", b"Content-Encoding: gzip"))

    async with upstream(handle) as made, start(made.url) as service:
        request = b"GET /api/things HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\n\r\n"
        answered = lines(await say(service.port, request, until=b"\r\n\r\nok"))
    assert not [line for line in answered if line.startswith((b"x-own", b"keep-alive", b"connection: x-own"))]
    assert [line for line in answered if line.startswith(b"set-cookie")] == [b"set-cookie: a=1", b"set-cookie: b=2"]
    assert [line for line in answered if line.startswith(b"x-request-id")] == [b"x-request-id: mine"]
    assert len([line for line in answered if line.startswith(b"date: ")]) == 1
    assert answered[-1] == b"ok", "a body is not decoded on its way"


@pytest.mark.parametrize("status", [200, 201, 204, 304, 404, 422, 500, 503])
async def test_status_is_passed_on(start: Start, status: int) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(f"HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n".encode())

    async with upstream(handle) as made, start(made.url) as service, service.client() as asking:
        assert (await asking.get("/api/things")).status_code == status
        assert made.connections == 1, "an answer is an answer: it is not asked for again"


async def test_head_has_the_length_and_no_body(start: Start) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    async with upstream(handle) as made, start(made.url) as service:
        answered = await say(service.port, b"HEAD /api/things HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert b"content-length: 1000" in answered.lower()
    assert answered.endswith(b"\r\n\r\n")


async def test_unknown_path_and_wrong_method(start: Start) -> None:
    async with start("http://127.0.0.1:9") as service, service.client() as asking:
        is_problem(await asking.get("/"), 404, "not-found")
        is_problem(await asking.get("/api/thingsx"), 404, "not-found")
        refused = await asking.post("/api/things")
        is_problem(refused, 405, "method-not-allowed")
        assert refused.headers["allow"] == "GET, HEAD"


async def test_ambiguous_path(start: Start) -> None:
    async with start("http://127.0.0.1:9") as service:
        answered = await say(service.port, b"GET /api/things/%2e%2e/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"ambiguous-path" in answered


@pytest.mark.parametrize("chunked", [False, True])
async def test_body_is_passed_on_with_its_framing(start: Start, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with upstream(echo) as made, start(made.url, methods=["POST"]) as service, service.client() as asking:
        response = await asking.post("/api/things", content=pieces() if chunked else b"onetwo")
        framing = b"transfer-encoding: chunked" if chunked else b"content-length: 6"
        assert [line for line in lines(made.heads[0]) if line.startswith((b"transfer-", b"content-length"))] == [
            framing
        ]
        assert response.content.endswith(b"0\r\n\r\n") if chunked else response.content == b"onetwo"
        assert b"one" in response.content
        assert b"two" in response.content


async def test_empty_post_says_so(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"]) as service, service.client() as asking:
        assert (await asking.post("/api/things")).status_code == 200
        assert b"content-length: 0" in lines(made.heads[0])


async def test_request_body_streams(start: Start) -> None:
    """The first piece arrives before the last is sent."""
    arrived = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        assert await reader.readuntil(b"first\r\n") == b"5\r\nfirst\r\n"
        arrived.set()
        assert await reader.readuntil(b"0\r\n\r\n") == b"4\r\nlast\r\n0\r\n\r\n"
        writer.write(answer())

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.wait_for(arrived.wait(), 5)
        yield b"last"

    async with upstream(handle) as made, start(made.url, methods=["POST"]) as service, service.client() as asking:
        assert (await asking.post("/api/things", content=pieces())).status_code == 200


async def test_response_body_streams(start: Start) -> None:
    """The first piece arrives before the last is sent."""
    arrived = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await arrived.wait()
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")

    async with (
        upstream(handle) as made,
        start(made.url) as service,
        service.client() as asking,
        asking.stream("GET", "/api/things") as response,
    ):
        arriving = response.aiter_raw()
        assert await anext(arriving) == b"first"
        arrived.set()
        assert await anext(arriving) == b"last"


async def test_stated_body_over_the_routes_limit_never_reaches_the_upstream(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"], body_limit_bytes=10) as service:
        request = b"POST /api/things HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n" + b"x" * 11
        assert (await say(service.port, request)).startswith(b"HTTP/1.1 413 ")
        assert made.connections == 0


async def test_chunked_body_over_the_limit(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"], body_limit_bytes=10) as service:
        answered = await say(service.port, OVER_TEN_BYTES)
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert b"application/problem+json" in answered
        assert not any(head.startswith(b"xxxx") for head in made.heads)


async def test_clients_faults_do_not_count_against_the_upstream(start: Start) -> None:
    async with (
        upstream(echo) as made,
        start(made.url, methods=["GET", "POST"], body_limit_bytes=10) as service,
        service.client() as asking,
    ):
        for _ in range(25):
            assert (await say(service.port, OVER_TEN_BYTES)).startswith(b"HTTP/1.1 413 ")
        assert (await asking.get("/api/things")).status_code == 200, "the circuit is closed"


async def test_body_that_stops_coming_is_408(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"]) as service:
        answered = await say(service.port, b"POST /api/things HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nx")
        assert answered.startswith(b"HTTP/1.1 408 ")
