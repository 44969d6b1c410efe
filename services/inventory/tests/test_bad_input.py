"""What breaks a rule is refused without a database: the service here has none."""

import json
from typing import Any

import httpx
import pytest
from blueprint_testing import is_problem

from blueprint_kit.problems import kind_of

ORDER = "0193f1a2-7c3e-7b50-9f6d-0c1d2e3f4a5b"
RESERVATION = f"/reservations/{ORDER}"
JSON = {"Content-Type": "application/json"}


def line(sku: object = "A-1", quantity: object = 1, **further: object) -> dict[str, Any]:
    return {"items": [{"sku": sku, "quantity": quantity, **further}]}


def delivery(**other: object) -> dict[str, Any]:
    return {"id": ORDER, "sku": "A-1", "quantity": 1} | other


async def pointers(response: httpx.Response) -> list[str]:
    return [error["pointer"] for error in is_problem(response, 422, "invalid-request")["errors"]]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/items"),
        ({"items": []}, "#/items"),
        ({"items": {}}, "#/items"),
        ({"items": [line(f"A-{number}")["items"][0] for number in range(21)]}, "#/items"),
        ({"items": [*line()["items"], *line()["items"]]}, "#/items"),
        ({"items": [None]}, "#/items/0"),
        (line() | {"customer": "Ada"}, "#/customer"),
        (line(price="0.01"), "#/items/0/price"),
        (line(quantity=0), "#/items/0/quantity"),
        (line(quantity=-1), "#/items/0/quantity"),
        (line(quantity=1001), "#/items/0/quantity"),
        (line(quantity=10**400), "#/items/0/quantity"),
        (line(quantity=1.5), "#/items/0/quantity"),
        (line(quantity=1.0), "#/items/0/quantity"),
        (line(quantity="1"), "#/items/0/quantity"),
        (line(quantity=True), "#/items/0/quantity"),
        (line(quantity=None), "#/items/0/quantity"),
        (line(quantity=float("nan")), "#/items/0/quantity"),
        (line(quantity=float("inf")), "#/items/0/quantity"),
        (line("a-1"), "#/items/0/sku"),
        (line(""), "#/items/0/sku"),
        (line("A-1\n"), "#/items/0/sku"),
        (line("A\x00"), "#/items/0/sku"),
        (line("\ud800"), "#/items/0/sku"),
        (line("A'; DROP TABLE stock; --"), "#/items/0/sku"),
        (line("A" * 41), "#/items/0/sku"),
        (line(1), "#/items/0/sku"),
        ([], "#"),
        ("items", "#"),
    ],
)
async def test_reservation_that_breaks_a_rule(alone: httpx.AsyncClient, body: object, pointer: str) -> None:
    assert await pointers(await alone.put(RESERVATION, content=json.dumps(body), headers=JSON)) == [pointer]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (delivery(id="1"), "#/id"),
        (delivery(id=1), "#/id"),
        (delivery(sku="a-1"), "#/sku"),
        (delivery(quantity=0), "#/quantity"),
        (delivery(quantity=-5), "#/quantity"),
        (delivery(quantity=100_001), "#/quantity"),
        (delivery(quantity="5"), "#/quantity"),
        (delivery(at="now"), "#/at"),
    ],
)
async def test_delivery_that_breaks_a_rule(alone: httpx.AsyncClient, body: object, pointer: str) -> None:
    assert await pointers(await alone.post("/deliveries", json=body)) == [pointer]


@pytest.mark.parametrize("order", ["1", "order", ORDER + "0", "%00"])
@pytest.mark.parametrize(("method", "end"), [("PUT", ""), ("GET", ""), ("POST", "/commit"), ("POST", "/release")])
async def test_order_that_is_no_uuid(alone: httpx.AsyncClient, order: str, method: str, end: str) -> None:
    response = await alone.request(method, f"/reservations/{order}{end}", json=line() if method == "PUT" else None)
    (error,) = is_problem(response, 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == ("order_id", "path")


@pytest.mark.parametrize("sku", ["kit-mug-01", "A--1", "A-", "A_1", "A%0A", "A%00", "A" * 41])
async def test_sku_that_breaks_the_rule(alone: httpx.AsyncClient, sku: str) -> None:
    (error,) = is_problem(await alone.get(f"/inventory/{sku}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == ("sku", "path")


@pytest.mark.parametrize(
    ("query", "parameter"), [("page=0", "page"), ("page=one", "page"), ("size=0", "size"), ("size=101", "size")]
)
async def test_bad_page_is_named(alone: httpx.AsyncClient, query: str, parameter: str) -> None:
    (error,) = is_problem(await alone.get(f"/inventory?{query}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == (parameter, "query")


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"", (422, "invalid-request")),
        (b"{", (422, "invalid-request")),
        (b"\xff", (400, kind_of(400))),
        (b"[" * 100_000, (400, kind_of(400))),
        (b'{"items": ' + b"9" * 5000 + b"}", (400, kind_of(400))),
        (b" " * 1_048_577, (413, kind_of(413))),
    ],
    ids=["empty", "cut off", "not UTF-8", "too deep", "too long a number", "too large"],
)
@pytest.mark.parametrize(("method", "path"), [("PUT", RESERVATION), ("POST", "/deliveries")])
async def test_body_that_is_not_json_or_too_large(
    alone: httpx.AsyncClient, method: str, path: str, content: bytes, answer: tuple[int, str]
) -> None:
    is_problem(await alone.request(method, path, content=content, headers=JSON), *answer)


async def test_body_of_another_type(alone: httpx.AsyncClient) -> None:
    is_problem(await alone.put(RESERVATION, data={"items": "A-1"}), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/inventory"),
        ("PUT", "/inventory/A-1"),
        ("DELETE", RESERVATION),
        ("PATCH", RESERVATION),
        ("GET", RESERVATION + "/commit"),
        ("PUT", RESERVATION + "/release"),
        ("GET", "/deliveries"),
    ],
)
async def test_method_that_is_not_offered(alone: httpx.AsyncClient, method: str, path: str) -> None:
    is_problem(await alone.request(method, path), 405, "method-not-allowed")
