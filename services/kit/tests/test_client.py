"""JSON requests to another service: what is a good answer, and what its caller is told of others."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from blueprint_testing import LOOPBACK, Handler, Upstream, answer, break_off, reserved_port, upstream

from blueprint_kit.client import Client, UpstreamRefused
from blueprint_kit.logs import bind_request_id
from blueprint_kit.outbound import CallPolicy, UpstreamBroken, UpstreamTimeout

QUICK = CallPolicy(attempts=3, backoff_seconds=0.01, read_seconds=0.3)
JSON = b"content-type: application/json"


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Client]:
    client = Client(url, QUICK)
    try:
        yield client
    finally:
        await client.close()


def saying(body: bytes, status: str = "200 OK") -> Handler:
    """An upstream that gives the same answer to every request."""

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await made.head(reader):
            length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
            made.heads.append(await reader.readexactly(int(length.partition(b":")[2])))
            writer.write(answer(body, status, JSON))

    return handle


async def test_answer_is_read_and_the_request_is_json() -> None:
    async with upstream(saying(b'{"sku": "A-1"}')) as made, calling(made.url) as client:
        bind_request_id("given-1")
        response = await client.request("PUT", "/things/A%2F1?page=2", json={"quantity": 2})
        assert response.json() == {"sku": "A-1"}
        head, body = made.heads[0].lower(), made.heads[1]
        assert head.startswith(b"put /things/a%2f1?page=2 http/1.1\r\n")
        assert b"\r\nx-request-id: given-1\r\n" in head
        assert b"\r\ncontent-type: application/json\r\n" in head
        assert json.loads(body) == {"quantity": 2}


async def test_request_without_a_body_says_no_content_type() -> None:
    async with upstream(saying(b"{}")) as made, calling(made.url) as client:
        await client.request("GET", "/things")
        assert b"content-type" not in made.heads[0].lower()


async def test_path_cannot_name_another_host() -> None:
    async with upstream(saying(b"{}")) as made, calling(made.url) as client:
        await client.request("GET", "//elsewhere.example/things")
        assert made.heads[0].startswith(b"GET //elsewhere.example/things HTTP/1.1\r\n")


async def test_status_that_was_not_expected_is_refused_with_its_problem() -> None:
    problem = {"type": "urn:blueprint:problem:out-of-stock", "status": 409, "lines": []}
    async with upstream(saying(json.dumps(problem).encode(), "409 Conflict")) as made, calling(made.url) as client:
        with pytest.raises(UpstreamRefused) as refused:
            await client.request("PUT", "/reservations/1", json={})
        assert (refused.value.status, refused.value.problem) == (409, problem)
        assert (refused.value.status_code, refused.value.kind) == (502, "upstream-refused")
        assert refused.value.extensions == {"upstream": made.url, "upstream_status": 409}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
async def test_refusal_without_a_problem_document_has_an_empty_one(body: bytes) -> None:
    async with upstream(saying(body, "503 Service Unavailable")) as made, calling(made.url) as client:
        with pytest.raises(UpstreamRefused) as refused:
            await client.request("GET", "/")
        assert (refused.value.status, refused.value.problem) == (503, {})


async def test_expected_statuses_are_answers() -> None:
    async with upstream(saying(b'{"kind": "x"}', "404 Not Found")) as made, calling(made.url) as client:
        response = await client.request("GET", "/", accept=(200, 404))
        assert (response.status_code, response.json()) == (404, {"kind": "x"})


async def test_empty_answer_is_good_and_one_that_is_no_json_is_not() -> None:
    async with upstream(saying(b"", "204 No Content")) as made, calling(made.url) as client:
        assert (await client.request("DELETE", "/", accept=(204,))).content == b""
    async with upstream(saying(b"<html>")) as made, calling(made.url) as client:
        with pytest.raises(UpstreamBroken, match="did not answer with JSON"):
            await client.request("GET", "/")


async def test_service_that_is_not_there() -> None:
    with reserved_port() as port, pytest.raises(UpstreamBroken, match="cannot be reached"):
        await Client(f"http://{LOOPBACK}:{port}", QUICK).request("GET", "/")


async def test_get_whose_connection_breaks_is_asked_again_and_post_is_not() -> None:
    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        break_off(writer)

    async with upstream(handle) as made, calling(made.url) as client:
        for method, times in (("GET", QUICK.attempts), ("POST", 1)):
            made.heads.clear()
            with pytest.raises(UpstreamBroken):
                await client.request(method, "/", json={})
            assert len(made.heads) == times


@pytest.mark.parametrize(("ends", "error"), [(True, UpstreamBroken), (False, UpstreamTimeout)])
async def test_large_answer_that_stops_in_its_midst(ends: bool, error: type[Exception]) -> None:
    over = asyncio.Event()

    async def handle(made: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made.head(reader)
        writer.write(answer(b'"' + b"a" * 100_000 + b'"', "200 OK", JSON)[:-1])
        await writer.drain()
        if not ends:
            await over.wait()

    async with upstream(handle) as made, calling(made.url) as client:
        with pytest.raises(error):
            await client.request("GET", "/")
        over.set()
