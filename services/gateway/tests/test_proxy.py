"""The gateway in front of real upstreams, each on its own socket."""

import asyncio
import time

import httpx
import pytest
from blueprint_testing import Running, Upstream, answer, break_off, say, upstream
from conftest import Start

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


async def plain(made: Upstream, reader: Reader, writer: Writer) -> None:
    """Answers everything with ok."""
    while await made.head(reader):
        writer.write(answer(b"ok", "200 OK", b"content-type: text/plain"))


async def echo(made: Upstream, reader: Reader, writer: Writer) -> None:
    """Answers with the body as it was sent, framing and all."""
    head = await made.head(reader)
    body = b""
    if b"transfer-encoding: chunked" in head.lower():
        while not body.endswith(b"0\r\n\r\n"):
            body += await reader.read(65_536)
    elif b"content-length: " in head.lower():
        body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    writer.write(answer(body))


def client(service: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.url, timeout=5)


def is_problem(response: httpx.Response, status: int, kind: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = response.json()
    assert document["type"] == f"urn:blueprint:problem:{kind}"
    assert document["request_id"] == response.headers["x-request-id"]
    return document


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


async def test_response_fields_are_the_other_ends(start: Start) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        fields = (b"Connection: X-Own", b"X-Own: 1", b"Keep-Alive: 5", b"Set-Cookie: a=1", b"Set-Cookie: b=2")
        writer.write(answer(b"ok", "200 OK", *fields, b"X-Request-Id: other", b"Content-Encoding: gzip"))

    async with upstream(handle) as made, start(made.url) as service:
        answered = lines(
            await say(service.port, b"GET /api/things HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\n\r\n", seconds=0.5)
        )
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

    async with upstream(handle) as made, start(made.url) as service, client(service) as asking:
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
    async with start("http://127.0.0.1:9") as service, client(service) as asking:
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
    async def pieces():  # type: ignore[no-untyped-def]
        yield b"one"
        yield b"two"

    async with upstream(echo) as made, start(made.url, methods=["POST"]) as service, client(service) as asking:
        response = await asking.post("/api/things", content=pieces() if chunked else b"onetwo")
        framing = b"transfer-encoding: chunked" if chunked else b"content-length: 6"
        assert [line for line in lines(made.heads[0]) if line.startswith((b"transfer-", b"content-length"))] == [
            framing
        ]
        assert response.content.endswith(b"0\r\n\r\n") if chunked else response.content == b"onetwo"
        assert b"one" in response.content
        assert b"two" in response.content


async def test_empty_post_says_so(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"]) as service, client(service) as asking:
        assert (await asking.post("/api/things")).status_code == 200
        assert b"content-length: 0" in lines(made.heads[0])


async def test_bodies_stream_both_ways(start: Start) -> None:
    """The first piece arrives before the last is sent."""
    asked = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await asyncio.wait_for(asked.wait(), 3)
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")

    async with (
        upstream(handle) as made,
        start(made.url) as service,
        client(service) as asking,
        asking.stream("GET", "/api/things") as response,
    ):
        arriving = response.aiter_raw()
        assert await anext(arriving) == b"first"
        asked.set()
        assert await anext(arriving) == b"last"


async def test_stated_body_over_the_routes_limit_never_reaches_the_upstream(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"], body_limit_bytes=10) as service:
        request = b"POST /api/things HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n" + b"x" * 11
        assert (await say(service.port, request)).startswith(b"HTTP/1.1 413 ")
        assert made.connections == 0


async def test_chunked_body_over_the_limit(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"], body_limit_bytes=10) as service:
        request = (
            b"POST /api/things HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"
            + b"x" * 11
            + b"\r\n0\r\n\r\n"
        )
        answered = await say(service.port, request)
        assert answered.startswith(b"HTTP/1.1 413 ")
        assert b"application/problem+json" in answered
        assert not any(head.startswith(b"xxxx") for head in made.heads)


async def test_clients_faults_do_not_count_against_the_upstream(start: Start) -> None:
    async with (
        upstream(echo) as made,
        start(made.url, methods=["GET", "POST"], body_limit_bytes=10) as service,
        client(service) as asking,
    ):
        request = (
            b"POST /api/things HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n"
            + b"x" * 11
            + b"\r\n0\r\n\r\n"
        )
        for _ in range(25):
            assert (await say(service.port, request)).startswith(b"HTTP/1.1 413 ")
        assert (await asking.get("/api/things")).status_code == 200, "the circuit is closed"


async def test_body_that_stops_coming_is_408(start: Start) -> None:
    async with upstream(echo) as made, start(made.url, methods=["POST"]) as service:
        answered = await say(service.port, b"POST /api/things HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nx")
        assert answered.startswith(b"HTTP/1.1 408 ")


async def test_upstream_that_cannot_be_reached_is_502(start: Start) -> None:
    async with upstream(plain) as made:
        gone = made.url
    async with start(gone) as service, client(service) as asking:
        document = is_problem(await asking.get("/api/things"), 502, "upstream-broken")
        assert document["upstream"] == gone


async def test_upstream_that_does_not_answer_is_504_in_time(start: Start) -> None:
    async def silent(made: Upstream, reader: Reader, _writer: Writer) -> None:
        await made.head(reader)
        await asyncio.sleep(10)

    async with upstream(silent) as made, start(made.url, timeout_seconds=0.4) as service, client(service) as asking:
        began = time.monotonic()
        is_problem(await asking.get("/api/things"), 504, "upstream-timeout")
        assert time.monotonic() - began < 2
        assert made.connections == 1


async def test_upstream_that_speaks_no_http_is_502(start: Start) -> None:
    async def noise(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"hello\r\n\r\n")

    async with upstream(noise) as made, start(made.url) as service, client(service) as asking:
        is_problem(await asking.get("/api/things"), 502, "upstream-broken")


async def test_answer_that_breaks_off_looks_broken_to_the_client(start: Start) -> None:
    """Its head has gone out, so it can neither be asked for again nor be ended as if it were whole."""

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        break_off(writer)

    async with upstream(handle) as made, start(made.url) as service, client(service) as asking:
        with pytest.raises(httpx.RemoteProtocolError):
            await asking.get("/api/things")
        assert made.connections == 1


async def test_get_survives_broken_connections_and_post_is_sent_once(start: Start) -> None:
    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        if made.connections % 3:
            break_off(writer)
        else:
            writer.write(answer())

    async with upstream(handle) as made, start(made.url, methods=["GET", "POST"]) as service, client(service) as asking:
        assert (await asking.get("/api/things")).status_code == 200
        assert made.connections == 3
        is_problem(await asking.post("/api/things", json={}), 502, "upstream-broken")
        assert made.connections == 4


async def test_upstream_killed_under_load_fails_no_request(start: Start) -> None:
    """Two processes behind one address take turns to die in the middle of their work, as pods behind a Service do."""
    server: asyncio.Server | None = None
    writers: set[Writer] = set()

    async def handle(reader: Reader, writer: Writer) -> None:
        writers.add(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(0.005)
                writer.write(answer(b"x" * 500))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # killed, or the gateway closed it
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with start(f"http://127.0.0.1:{port}") as service, client(service) as asking:
        until = time.monotonic() + 2.5
        statuses: list[int] = []

        async def load() -> None:
            while time.monotonic() < until:
                statuses.append((await asking.get("/api/things")).status_code)

        async def kill() -> None:
            nonlocal server
            for _ in range(4):
                await asyncio.sleep(0.4)
                assert server is not None
                server.close()  # refuses connections, as a pod does between its death and its endpoint's
                for writer in list(writers):
                    break_off(writer)
                await asyncio.sleep(0.15)
                server = await asyncio.start_server(handle, "127.0.0.1", port, reuse_address=True)

        await asyncio.gather(kill(), *(load() for _ in range(8)))
    server.close()
    assert len(statuses) > 200
    assert set(statuses) == {200}


async def test_open_circuit_answers_at_once_and_recovers(start: Start) -> None:
    healthy = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, writer: Writer) -> None:
        await made.head(reader)
        writer.write(answer() if healthy.is_set() else answer(b"", "503 Service Unavailable"))

    async with upstream(handle) as made, start(made.url) as service, client(service) as asking:
        for _ in range(20):
            await asking.get("/api/things")
        refused = await asking.get("/api/things")
        is_problem(refused, 503, "upstream-unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert len(made.heads) == 20
        healthy.set()
        await asyncio.sleep(3.1)
        assert (await asking.get("/api/things")).status_code == 200


async def test_client_that_leaves_frees_the_upstream(start: Start) -> None:
    left = asyncio.Event()

    async def handle(made: Upstream, reader: Reader, _writer: Writer) -> None:
        await made.head(reader)
        assert await reader.read() == b""
        left.set()

    async with upstream(handle) as made, start(made.url, timeout_seconds=30) as service:
        await say(service.port, b"GET /api/things HTTP/1.1\r\nHost: h\r\n\r\n", seconds=0.3)
        await asyncio.wait_for(left.wait(), 1)
        sample = 'http_requests_total{method="GET",route="/api/things",status="499"}'
        assert await service.metric(sample) >= 1


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
        await say(service.port, b"GET /api/things HTTP/1.1\r\nHost: h\r\n\r\n", seconds=0.3)
        await asyncio.wait_for(left.wait(), 2)


async def test_upgrade_is_not_passed_on(start: Start) -> None:
    async with upstream(plain) as made, start(made.url) as service:
        request = b"GET /api/things HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        assert (await say(service.port, request, seconds=0.5)).startswith(b"HTTP/1.1 200 ")
        assert not [line for line in lines(made.heads[0]) if line.startswith((b"upgrade", b"connection: upgrade"))]
