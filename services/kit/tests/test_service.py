"""What every service does over HTTP, on real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from blueprint_testing import Running, is_problem, running, say

from blueprint_kit.app import create_app
from blueprint_kit.probes import Check
from blueprint_kit.settings import ServiceSettings


@pytest.fixture(scope="module")
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        yield client


async def test_unknown_path(client: httpx.AsyncClient) -> None:
    document = is_problem(await client.get("/nothing"), 404, "not-found")
    assert document["instance"] == "/nothing"


async def test_wrong_method_says_which_are_right(client: httpx.AsyncClient) -> None:
    response = await client.delete("/things/1")
    is_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"


async def test_bad_parameter_is_named(client: httpx.AsyncClient) -> None:
    document = is_problem(await client.get("/things/x"), 422, "invalid-request")
    assert document["errors"] == [
        {
            "detail": "Input should be a valid integer, unable to parse string as an integer",
            "parameter": "number",
            "in": "path",
        }
    ]


async def test_every_bad_part_of_a_body_is_pointed_at(client: httpx.AsyncClient) -> None:
    response = await client.post("/orders", json={"items": [1, "x"]})
    errors = is_problem(response, 422, "invalid-request")["errors"]
    assert isinstance(errors, list)
    assert {error["pointer"] for error in errors} == {"#/customer", "#/items/1"}


async def test_body_that_is_no_json(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    is_problem(await client.post("/orders", content=b"{", headers=headers), 422, "invalid-request")


async def test_body_of_another_media_type(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "text/plain"}
    is_problem(await client.post("/orders", content=b"{}", headers=headers), 415, "unsupported-media-type")


async def test_own_problem_keeps_its_members(client: httpx.AsyncClient) -> None:
    assert is_problem(await client.get("/refused"), 409, "exists")["sku"] == "A-1"


async def test_unexpected_error_says_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    response = await client.get("/broken")
    is_problem(response, 500, "internal-server-error")
    assert "secret detail" not in response.text
    assert "ZeroDivision" not in response.text


@pytest.mark.parametrize("given", ["abc-123", "A.b_c:9", "x" * 128])
async def test_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/things/1", headers={"X-Request-Id": given})
    assert response.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "with space", "x" * 129, 'quo"te', "a,b"])
async def test_bad_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/things/1", headers={"X-Request-Id": given})
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 32


async def test_two_request_ids_are_replaced(client: httpx.AsyncClient) -> None:
    response = await client.get("/things/1", headers=[("X-Request-Id", "a"), ("X-Request-Id", "b")])
    assert response.headers["x-request-id"] not in {"a", "b"}


async def test_metrics_are_on_their_own_port_only(service: Running, client: httpx.AsyncClient) -> None:
    is_problem(await client.get("/metrics"), 404, "not-found")
    shown = await client.get(f"http://127.0.0.1:{service.metrics_port}/metrics")
    assert shown.status_code == 200
    assert "http_requests_total" in shown.text
    assert (await client.get(f"http://127.0.0.1:{service.metrics_port}/things/1")).status_code == 404


async def test_requests_are_counted_by_template_and_known_method(service: Running, client: httpx.AsyncClient) -> None:
    sample = 'http_requests_total{method="GET",route="/things/{number}",status="200"}'
    other = 'http_requests_total{method="other",route="unmatched",status="404"}'
    before, before_other = await service.metric(sample), await service.metric(other)
    for number in range(3):
        await client.get(f"/things/{number}")
    await client.request("PROPFIND", "/a/b/c")
    assert await service.metric(sample) == before + 3
    assert await service.metric(other) == before_other + 1


async def test_probes_are_not_counted(service: Running, client: httpx.AsyncClient) -> None:
    await client.get("/readyz")
    text = (await client.get(f"http://127.0.0.1:{service.metrics_port}/metrics")).text
    assert 'route="/readyz"' not in text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
async def test_probes_answer(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, response.json()["status"]) == (200, "ok")


async def test_stated_body_over_the_limit(service: Running) -> None:
    request = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001
    answer = await say(service.port, request)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"1000 bytes" in answer


async def test_client_that_waits_for_100_gets_413_at_once(service: Running) -> None:
    request = b"POST /orders HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
    answer = await say(service.port, request, seconds=0.5)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_chunked_body_over_the_limit(service: Running) -> None:
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await say(service.port, head + b"200\r\n" + b"x" * 512 + b"\r\n200\r\n" + b"x" * 512 + b"\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_body_at_the_limit_passes(client: httpx.AsyncClient) -> None:
    body = json.dumps({"customer": "", "items": []})
    padded = json.dumps({"customer": "c" * (1000 - len(body)), "items": []})
    assert len(padded) == 1000
    response = await client.post("/orders", content=padded, headers={"content-type": "application/json"})
    assert response.status_code == 200


async def test_body_that_does_not_come(service: Running) -> None:
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    assert (await say(service.port, head)).startswith(b"HTTP/1.1 408 ")


async def test_long_target(client: httpx.AsyncClient) -> None:
    is_problem(await client.get("/things/1?" + "q" * 512), 414, "uri-too-long")


async def test_large_head(client: httpx.AsyncClient) -> None:
    is_problem(await client.get("/things/1", headers={"X-Big": "x" * 4096}), 431, "request-header-fields-too-large")


async def test_head_without_end_is_cut_off(service: Running) -> None:
    answer = await say(service.port, b"GET / HTTP/1.1\r\n" + b"X-Field: 12345678\r\n" * 300)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in answer
    assert b"x-request-id: " in answer


async def test_slow_head_is_cut_off(service: Running) -> None:
    assert (await say(service.port, b"GET / HTTP/1.1\r\nHost:")).startswith(b"HTTP/1.1 408 ")


async def test_silent_connection_is_closed(service: Running) -> None:
    began = asyncio.get_running_loop().time()
    assert await say(service.port, b"") == b""
    assert asyncio.get_running_loop().time() - began < 2


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NOT HTTP\r\n\r\n",
        b"GET /things/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /things/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"GET /things/1 HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_a_problem_document(service: Running, request_bytes: bytes) -> None:
    answer = await say(service.port, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b"urn:blueprint:problem:malformed-request" in answer


async def test_readiness_says_which_check_fails_and_recovers(settings: ServiceSettings) -> None:
    well = asyncio.Event()

    async def probe() -> None:
        if not well.is_set():
            raise ConnectionRefusedError("no store")

    async def hang() -> None:
        await asyncio.sleep(0 if well.is_set() else 60)

    app = create_app(settings, readiness=[Check("store", probe), Check("queue", hang, seconds=0.1)])
    async with running(app, settings) as service, service.client() as client:
        checks = is_problem(await client.get("/readyz"), 503, "not-ready")["checks"]
        assert isinstance(checks, dict)
        assert checks["store"]["error"] == "ConnectionRefusedError: no store"
        assert checks["queue"]["error"] == "no answer within 0.1 s"
        assert (await client.get("/livez")).status_code == 200, "a restart would not mend the store"
        well.set()
        assert (await client.get("/readyz")).status_code == 200
