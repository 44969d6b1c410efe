"""The stock as it is shown, and the deliveries that add to it."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from blueprint_testing import is_problem
from ledger import FIRST, Account, Ledger

from app.routes import MOST_PAGES

SKUS = sorted(FIRST)
KETTLE, PAN = "KIT-KTL-01", "KIT-PAN-28"


def delivery(sku: str = KETTLE, quantity: int = 40) -> dict[str, Any]:
    return {"id": str(uuid4()), "sku": sku, "quantity": quantity}


async def page(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    response = await client.get("/inventory" + query)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


async def test_list_begins_with_the_first_twenty(client: httpx.AsyncClient, ledger: Ledger) -> None:
    document = await page(client)
    assert (document["page"], document["size"], document["total"]) == (1, 20, 60)
    assert document["items"] == [{"sku": sku, "available": FIRST[sku], "reserved": 0} for sku in SKUS[:20]]


@pytest.mark.parametrize("size", [7, 20, 60, 100])
async def test_pages_have_every_product_once_and_in_order(client: httpx.AsyncClient, size: int) -> None:
    pages = [await page(client, f"?page={number}&size={size}") for number in range(1, -(-60 // size) + 1)]
    assert [item["sku"] for one in pages for item in one["items"]] == SKUS


@pytest.mark.parametrize("number", [4, MOST_PAGES])
async def test_page_after_the_last_is_empty(client: httpx.AsyncClient, number: int) -> None:
    assert await page(client, f"?page={number}") == {"items": [], "total": 60, "page": number, "size": 20}


async def test_product_that_was_never_in_stock(client: httpx.AsyncClient) -> None:
    assert is_problem(await client.get("/inventory/NO-SUCH-1"), 404, "not-found")["sku"] == "NO-SUCH-1"


async def test_product_that_is_sold_out_is_there(client: httpx.AsyncClient, ledger: Ledger) -> None:
    assert (await client.get(f"/inventory/{KETTLE}")).json() == {"sku": KETTLE, "available": 0, "reserved": 0}


@pytest.mark.parametrize("path", ["/inventory", "/inventory/KIT-MUG-01"])
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_delivery_is_added_once(client: httpx.AsyncClient, ledger: Ledger) -> None:
    new = delivery()
    for _ in range(3):
        response = await client.post("/deliveries", json=new)
        assert (response.status_code, response.json()) == (200, new)
    assert (await ledger.balance())[KETTLE] == Account(available=40, reserved=0, committed=0, delivered=40)


async def test_two_deliveries_of_the_same_are_two(client: httpx.AsyncClient, ledger: Ledger) -> None:
    for new in (delivery(), delivery()):
        assert (await client.post("/deliveries", json=new)).status_code == 200
    assert (await ledger.balance())[KETTLE].available == 80


@pytest.mark.parametrize("other", [{"quantity": 41}, {"sku": PAN}], ids=["quantity", "product"])
async def test_delivery_with_an_id_that_another_has(
    client: httpx.AsyncClient, ledger: Ledger, other: dict[str, Any]
) -> None:
    new = delivery()
    await client.post("/deliveries", json=new)
    before = await ledger.balance()
    is_problem(await client.post("/deliveries", json=new | other), 409, "delivery-differs")
    assert await ledger.balance() == before


async def test_delivery_of_an_unknown_product(client: httpx.AsyncClient, ledger: Ledger) -> None:
    new = delivery("NO-SUCH-1")
    assert is_problem(await client.post("/deliveries", json=new), 422, "unknown-product")["lines"]
    known = await client.post("/deliveries", json=new | {"sku": KETTLE})
    assert known.status_code == 200, "its id was not used up"
