"""The service's resources: what is taken, what is refused, and what a repeated key gets."""

import asyncio
import json
import re
import uuid
from typing import Any

import httpx
import pytest
from blueprint_testing import Running, is_problem, running, say
from blueprint_testing.postgres import Postgres
from conftest import Settings, urls
from peers import Fault, Peers

from app import main
from blueprint_kit.outbound import CallPolicy

ITEM = {"sku": "MUG-1", "quantity": 2}
ORDER: dict[str, Any] = {"customer": "Ada", "items": [ITEM]}
NOBODY = "018f0000-0000-7000-8000-000000000000"


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


async def place(
    client: httpx.AsyncClient, body: object = ORDER, headers: dict[str, str] | None = None
) -> httpx.Response:
    return await client.post("/orders", json=body, headers=headers or key())


async def total(client: httpx.AsyncClient) -> int:
    found: int = (await client.get("/orders")).json()["total"]
    return found


async def test_order_is_taken_and_shown(client: httpx.AsyncClient) -> None:
    """Without a broker, a inventory that answers or payments: they come later."""
    taken = await place(client, {"customer": "Ada Łovelace 🎁", "items": [ITEM, {"sku": "PAN-1", "quantity": 1}]})
    assert taken.status_code == 202, taken.text
    order_id = taken.json()["id"]
    assert taken.json() == {"id": order_id, "status": "pending"}
    assert uuid.UUID(order_id).version == 7
    assert httpx.URL("http://gateway/api/orders").join(taken.headers["location"]).path == f"/api/orders/{order_id}"
    assert "idempotency-replayed" not in taken.headers
    order = (await client.get(taken.headers["location"])).json()
    (step,) = order.pop("history")
    assert step["status"] == "pending"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", step["at"])
    assert order == {
        "id": order_id,
        "status": "pending",
        "customer": "Ada Łovelace 🎁",
        "items": [
            {"sku": "MUG-1", "quantity": 2, "price": {"amount": "12.50", "currency": "EUR"}},
            {"sku": "PAN-1", "quantity": 1, "price": {"amount": "79.00", "currency": "EUR"}},
        ],
        "total": {"amount": "104.00", "currency": "EUR"},
        "reason": None,
    }


async def test_largest_order_is_taken(client: httpx.AsyncClient) -> None:
    taken = await place(client, {"customer": "a" * 100, "items": [{"sku": "DEAR-1", "quantity": 1000}]})
    order = (await client.get(f"/orders/{taken.json()['id']}")).json()
    assert order["total"]["amount"] == "9999999999990.00"


async def test_list_is_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    ids = [(await place(client)).json()["id"] for _ in range(5)][::-1]
    pages = [(await client.get(f"/orders?page={page}&size=2")).json() for page in (1, 2, 3, 4)]
    assert [[order["id"] for order in page["items"]] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    assert {(page["total"], page["size"]) for page in pages} == {(5, 2)}


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    taken = await place(client)
    for path in ("/orders", f"/orders/{taken.json()['id']}"):
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(("path", "allowed"), [("/orders", "GET, HEAD, POST"), (f"/orders/{NOBODY}", "GET, HEAD")])
async def test_other_methods_are_refused(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = await client.request(method, path)
        is_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == allowed


async def test_order_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert is_problem(await client.get(f"/orders/{NOBODY}"), 404, "not-found")["order_id"] == NOBODY
    is_problem(await client.get("/orders/one"), 422, "invalid-request")


@pytest.mark.parametrize("query", ["page=0", "page=1000001", "size=0", "size=101", "page=one"])
async def test_bad_page_is_refused(client: httpx.AsyncClient, query: str) -> None:
    is_problem(await client.get(f"/orders?{query}"), 422, "invalid-request")


BAD = {
    "no customer": ({"items": [ITEM]}, "#/customer"),
    "empty customer": ({**ORDER, "customer": ""}, "#/customer"),
    "long customer": ({**ORDER, "customer": "a" * 101}, "#/customer"),
    "NUL in customer": ({**ORDER, "customer": "a\0"}, "#/customer"),
    "line break in customer": ({**ORDER, "customer": "a\nb"}, "#/customer"),
    "lone surrogate in customer": ({**ORDER, "customer": "\ud800"}, "#/customer"),
    "number as customer": ({**ORDER, "customer": 1}, "#/customer"),
    "nothing ordered": ({**ORDER, "items": []}, "#/items"),
    "too many lines": ({**ORDER, "items": [{"sku": f"A-{n}", "quantity": 1} for n in range(21)]}, "#/items"),
    "a product twice": ({**ORDER, "items": [ITEM, ITEM]}, "#/items"),
    "an object as items": ({**ORDER, "items": {"0": ITEM}}, "#/items"),
    "bad SKU": ({**ORDER, "items": [{**ITEM, "sku": "mug-1"}]}, "#/items/0/sku"),
    "SKU with a path": ({**ORDER, "items": [{**ITEM, "sku": "../orders"}]}, "#/items/0/sku"),
    "SKU with a line break": ({**ORDER, "items": [{**ITEM, "sku": "MUG-1\n"}]}, "#/items/0/sku"),
    "long SKU": ({**ORDER, "items": [{**ITEM, "sku": "A" * 41}]}, "#/items/0/sku"),
    "no quantity": ({**ORDER, "items": [{"sku": "MUG-1"}]}, "#/items/0/quantity"),
    "no item": ({**ORDER, "items": [None]}, "#/items/0"),
    "unknown field": ({**ORDER, "discount": 1}, "#/discount"),
    "unknown field of an item": ({**ORDER, "items": [{**ITEM, "price": "0.01"}]}, "#/items/0/price"),
    **{
        f"quantity {quantity!r}": ({**ORDER, "items": [{**ITEM, "quantity": quantity}]}, "#/items/0/quantity")
        for quantity in (0, -1, 1001, 10**12, 10**40, 1.5, 1e308, True, "1", None, [1])
    },
}


@pytest.mark.parametrize(("body", "pointer"), BAD.values(), ids=BAD)
async def test_bad_order_is_refused(client: httpx.AsyncClient, peers: Peers, body: object, pointer: str) -> None:
    content = json.dumps(body).encode()
    answer = await client.post("/orders", content=content, headers={**key(), "Content-Type": "application/json"})
    errors = is_problem(answer, 422, "invalid-request")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert peers.calls == [], "nobody is asked about it"
    assert await total(client) == 0


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"customer": "a", "items": [', "application/json", 422),
        (b"", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"customer": "\xff", "items": []}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"customer": "a", "items": [{"sku": "A", "quantity": ' + b"9" * 5000 + b"}]}", "application/json", 400),
        (b'{"customer": "' + b"a" * 1_100_000 + b'"}', "application/json", 413),
        (json.dumps(ORDER).encode(), "text/plain", 415),
        (json.dumps(ORDER).encode(), "application/x-www-form-urlencoded", 415),
    ],
    ids=["malformed", "none", "a list", "null", "no UTF-8", "deep", "endless number", "too large", "text", "a form"],
)
async def test_bad_body_is_refused(client: httpx.AsyncClient, content: bytes, media_type: str, status: int) -> None:
    answer = await client.post("/orders", content=content, headers={**key(), "Content-Type": media_type})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await total(client) == 0


@pytest.mark.parametrize("given", [None, "", "a b", "a" * 201, "é".encode(), b"a\tb"])
async def test_bad_key_is_refused(client: httpx.AsyncClient, given: str | bytes | None) -> None:
    headers: dict[str, Any] = {} if given is None else {"Idempotency-Key": given}
    is_problem(await client.post("/orders", json=ORDER, headers=headers), 400, "idempotency-key-invalid")
    assert await total(client) == 0


async def test_two_keys_are_refused(service: Running, client: httpx.AsyncClient) -> None:
    body = json.dumps(ORDER).encode()
    head = b"POST /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n"
    keys = b"idempotency-key: a\r\nidempotency-key: a\r\n"
    answer = await say(service.port, head + keys + b"content-length: %d\r\n\r\n" % len(body) + body)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_key_of_every_visible_character_is_taken(client: httpx.AsyncClient) -> None:
    visible = "".join(map(chr, range(0x21, 0x7F)))
    answers = [await place(client, headers={"Idempotency-Key": visible}) for _ in range(2)]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]


async def test_replayed_key_gets_the_same_answer(client: httpx.AsyncClient, peers: Peers) -> None:
    """Also while the catalog is away, and however the same body is written."""
    headers = {**key(), "Content-Type": "application/json"}
    first = await client.post("/orders", json=ORDER, headers=headers)
    peers.away = {"/products"}
    bodies = [
        json.dumps(ORDER).encode(),
        b' { "items" : [{"quantity":2,"sku":"MUG-1"}], "customer":"Ada" }\n',
    ]
    for body in bodies:
        again = await client.post("/orders", content=body, headers=headers)
        assert (again.status_code, again.content) == (202, first.content)
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["idempotency-replayed"] == "true"
    assert await total(client) == 1


async def test_replayed_key_gets_the_first_answer_though_the_order_moved_on(
    client: httpx.AsyncClient, server: Postgres, emptied: dict[str, Any]
) -> None:
    headers = key()
    first = await place(client, headers=headers)
    async with server.administrator(emptied["postgres_database"]) as administrator:
        await administrator.execute("UPDATE orders SET status = 'confirmed'")
    assert (await place(client, headers=headers)).content == first.content


@pytest.mark.parametrize("other", [{**ORDER, "customer": "Bob"}, {**ORDER, "items": [{**ITEM, "quantity": 3}]}])
async def test_key_that_came_with_another_body_is_refused(client: httpx.AsyncClient, other: object) -> None:
    headers = key()
    first = await place(client, headers=headers)
    is_problem(await place(client, other, headers), 422, "idempotency-key-reused")
    assert (await place(client, headers=headers)).content == first.content
    assert await total(client) == 1


async def test_simultaneous_posts_with_one_key_make_one_order(client: httpx.AsyncClient, peers: Peers) -> None:
    """None of them finds the key before all have their prices."""
    arrived, all_here = 0, asyncio.Event()

    async def gather(line: str) -> None:
        nonlocal arrived
        arrived += "/products" in line
        if arrived == 6:
            all_here.set()
        await asyncio.wait_for(all_here.wait(), 5)

    peers.before_answer = gather
    headers = key()
    answers = await asyncio.gather(*(place(client, headers=headers) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotency-replayed", "no") for answer in answers) == ["no", *["true"] * 5]
    assert await total(client) == 1


async def test_simultaneous_posts_with_one_key_and_other_bodies_make_one_order(client: httpx.AsyncClient) -> None:
    headers = key()
    bodies = [{**ORDER, "customer": f"customer {number}"} for number in range(6)]
    answers = await asyncio.gather(*(place(client, body, headers) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [202, *[422] * 5]
    assert await total(client) == 1


async def test_unknown_products_are_named_by_their_place(client: httpx.AsyncClient) -> None:
    """The key is not used up by a refusal."""
    headers, items = key(), [{"sku": sku, "quantity": 1} for sku in ("NO-1", "MUG-1", "NO-2")]
    problem = is_problem(await place(client, {**ORDER, "items": items}, headers), 422, "unknown-product")
    assert [error["pointer"] for error in problem["errors"]] == ["#/items/0/sku", "#/items/2/sku"]
    assert (await place(client, headers=headers)).status_code == 202


async def test_products_of_several_currencies_are_refused(client: httpx.AsyncClient) -> None:
    items = [ITEM, {"sku": "USD-1", "quantity": 1}]
    is_problem(await place(client, {**ORDER, "items": items}), 422, "mixed-currencies")
    assert await total(client) == 0


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [(Fault.UNAVAILABLE, 502, "upstream-refused"), (Fault.NONSENSE, 502, "upstream-broken")],
)
async def test_catalog_that_fails_is_said(
    client: httpx.AsyncClient, peers: Peers, fault: Fault, status: int, kind: str
) -> None:
    peers.faults = [("/products", fault)]
    headers = key()
    is_problem(await place(client, headers=headers), status, kind)
    assert await total(client) == 0
    assert (await place(client, headers=headers)).status_code == 202


@pytest.mark.parametrize("fault", [Fault.BROKEN_BEFORE, Fault.BROKEN_AFTER])
async def test_connection_to_the_catalog_that_breaks_is_made_good(
    client: httpx.AsyncClient, peers: Peers, fault: Fault
) -> None:
    peers.faults = [("/products", fault)] * 3
    assert (await place(client)).status_code == 202


async def test_catalog_that_is_slow_is_not_waited_for_long(
    settings: Settings, emptied: dict[str, Any], peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.CATALOG.head_seconds < 5, "less than the gateway's patience"
    monkeypatch.setattr(main, "CATALOG", CallPolicy(head_seconds=0.5))
    peers.faults = [("/products", Fault.LATE)]
    made = settings(**emptied, **urls(peers))
    async with running(main.create(made), made) as service, service.client() as client:
        is_problem(await place(client), 504, "upstream-timeout")


async def test_database_that_goes_away_and_comes_back(client: httpx.AsyncClient, server: Postgres) -> None:
    """What is refused while it is away may be sent again with its key."""
    headers = key()
    async with server.stopped():
        is_problem(await place(client, headers=headers), 503, "database-unavailable")
        is_problem(await client.get(f"/orders/{NOBODY}"), 503, "database-unavailable")
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/readyz")).status_code == 200
    assert (await place(client, headers=headers)).status_code == 202
    assert await total(client) == 1


async def test_liveness_looks_at_the_background(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json()["checks"]["background"]["ok"] is True
