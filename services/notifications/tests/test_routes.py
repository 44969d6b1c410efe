"""The service over HTTP, without a broker."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from blueprint_testing import is_problem
from confirmed import new_order_id, new_receipt

from app.receipts import keep
from app.routes import MOST_PAGES

ORDERS = [new_order_id(milliseconds) for milliseconds in range(1, 8)]


@pytest.fixture
def filled(folder: Path) -> None:
    """Seven receipts, of orders one after the other."""
    for order_id in ORDERS:
        assert keep(folder, new_receipt(order_id))


async def page(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    response = await client.get("/notifications" + query)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


async def test_list_without_receipts_is_empty(client: httpx.AsyncClient) -> None:
    assert await page(client) == {"items": [], "total": 0, "page": 1, "size": 20}


@pytest.mark.usefixtures("filled")
async def test_pages_have_every_receipt_once_newest_first(client: httpx.AsyncClient) -> None:
    pages = [await page(client, f"?page={number}&size=3") for number in (1, 2, 3, 4)]
    found = [UUID(item["order_id"]) for one in pages for item in one["items"]]
    assert found == ORDERS[::-1]
    assert [(one["total"], one["page"], one["size"], len(one["items"])) for one in pages] == [
        (7, 1, 3, 3),
        (7, 2, 3, 3),
        (7, 3, 3, 1),
        (7, 4, 3, 0),
    ]


@pytest.mark.usefixtures("filled")
async def test_receipt_of_an_order(client: httpx.AsyncClient) -> None:
    wanted = ORDERS[3]
    for written in (str(wanted), str(wanted).upper(), wanted.hex):
        found = await page(client, f"?order_id={written}")
        assert [item["order_id"] for item in found.pop("items")] == [str(wanted)]
        assert found == {"total": 1, "page": 1, "size": 20}
    assert await page(client, f"?order_id={wanted}&page=2") == {"items": [], "total": 1, "page": 2, "size": 20}
    assert (await page(client, f"?order_id={new_order_id()}"))["total"] == 0


@pytest.mark.usefixtures("filled")
async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    got, head = await client.get("/notifications"), await client.head("/notifications")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("order_id=", "order_id"),
        ("order_id=1", "order_id"),
        ("order_id=../../etc/passwd", "order_id"),
        ("order_id=%00", "order_id"),
        ("page=0", "page"),
        ("page=one", "page"),
        (f"page={MOST_PAGES + 1}", "page"),
        ("size=0", "size"),
        ("size=101", "size"),
    ],
)
async def test_bad_parameter_is_named(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    (error,) = is_problem(await client.get(f"/notifications?{query}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == (parameter, "query")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_receipts_are_neither_made_nor_removed(client: httpx.AsyncClient, method: str) -> None:
    is_problem(await client.request(method, "/notifications"), 405, "method-not-allowed")


async def test_folder_that_is_gone_is_a_problem_of_503_and_readiness_says_it(
    client: httpx.AsyncClient, folder: Path
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    folder.rmdir()
    answer = await client.get("/notifications")
    is_problem(answer, 503, "receipts-unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "No such file or directory" in is_problem(await client.get("/readyz"), 503, "not-ready")["detail"]
    assert (await client.get("/livez")).status_code == 200
    folder.mkdir()
    assert (await client.get("/readyz")).status_code == 200
