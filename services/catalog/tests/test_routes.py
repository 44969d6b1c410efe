"""The catalog's resources. What breaks a rule is refused without a database; the rest has a real PostgreSQL."""

import re

import httpx
import pytest
from blueprint_testing import Running, is_problem
from blueprint_testing.postgres import Postgres
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.migrations.versions.m0002_first_products import read_products
from app.models import ProductRow
from app.routes import MOST_PAGES
from app.settings import CatalogSettings
from blueprint_kit.postgres import Database

SKUS = sorted(str(product["sku"]) for product in read_products())


async def page(client: httpx.AsyncClient, query: str = "") -> dict[str, object]:
    response = await client.get("/products" + query)
    assert response.status_code == 200, response.text
    document: dict[str, object] = response.json()
    return document


async def skus(client: httpx.AsyncClient, query: str = "") -> list[str]:
    items = (await page(client, query))["items"]
    assert isinstance(items, list)
    return [item["sku"] for item in items]


async def test_list_begins_with_the_first_twenty(client: httpx.AsyncClient) -> None:
    document = await page(client)
    assert (document["page"], document["size"], document["total"]) == (1, 20, 60)
    assert await skus(client) == SKUS[:20]


@pytest.mark.parametrize("size", [7, 20, 59, 60, 61, 100])
async def test_pages_have_every_product_once_and_in_order(client: httpx.AsyncClient, size: int) -> None:
    pages = -(-60 // size)
    found = [await skus(client, f"?page={number}&size={size}") for number in range(1, pages + 1)]
    assert [sku for one in found for sku in one] == SKUS
    assert [len(one) for one in found[:-1]] == [size] * (pages - 1)


@pytest.mark.parametrize("number", [4, MOST_PAGES])
async def test_page_after_the_last_is_empty_and_says_the_total(client: httpx.AsyncClient, number: int) -> None:
    assert await page(client, f"?page={number}&size=20") == {"items": [], "total": 60, "page": number, "size": 20}


async def test_product_is_found_by_its_sku(client: httpx.AsyncClient) -> None:
    response = await client.get("/products/KIT-MUG-01")
    assert response.status_code == 200
    product = response.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", product.pop("created_at"))
    assert product == {
        "sku": "KIT-MUG-01",
        "name": "Stoneware Mug",
        "description": "A 350 ml mug of speckled stoneware, glazed inside; safe in dishwasher and microwave.",
        "category": "Kitchen",
        "price": {"amount": "12.50", "currency": "EUR"},
    }


async def test_one_product_has_a_price_that_payments_decline(client: httpx.AsyncClient) -> None:
    """And no other: every product but it can be bought alone."""
    items = (await client.get("/products?size=100")).json()["items"]
    declined = {item["sku"]: item["price"]["amount"] for item in items if item["price"]["amount"].endswith(".13")}
    assert declined == {"KIT-TOW-03": "31.13"}


async def test_product_that_is_not_there(client: httpx.AsyncClient) -> None:
    document = is_problem(await client.get("/products/NO-SUCH-1"), 404, "not-found")
    assert document["sku"] == "NO-SUCH-1"
    assert document["instance"] == "/products/NO-SUCH-1"


@pytest.mark.parametrize("path", ["/products", "/products/KIT-MUG-01"])
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    ("query", "parameter", "detail"),
    [
        ("page=0", "page", "greater than or equal to 1"),
        ("page=-1", "page", "greater than or equal to 1"),
        ("page=one", "page", "valid integer"),
        ("page=1.5", "page", "valid integer"),
        ("page=", "page", "valid integer"),
        (f"page={MOST_PAGES + 1}", "page", f"less than or equal to {MOST_PAGES}"),
        (f"page={10**40}", "page", "less than or equal to"),
        ("size=0", "size", "greater than or equal to 1"),
        ("size=101", "size", "less than or equal to 100"),
    ],
)
async def test_bad_page_is_named(alone: httpx.AsyncClient, query: str, parameter: str, detail: str) -> None:
    (error,) = is_problem(await alone.get(f"/products?{query}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == (parameter, "query")
    assert detail in error["detail"]


async def test_every_bad_parameter_is_named(alone: httpx.AsyncClient) -> None:
    errors = is_problem(await alone.get("/products?page=0&size=0"), 422, "invalid-request")["errors"]
    assert [error["parameter"] for error in errors] == ["page", "size"]


@pytest.mark.parametrize("sku", ["kit-mug-01", "A--1", "-A", "A-", "A_1", "A%0A", "A%00", "A%20", "A'", "A" * 41])
async def test_sku_that_breaks_the_rule(alone: httpx.AsyncClient, sku: str) -> None:
    (error,) = is_problem(await alone.get(f"/products/{sku}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == ("sku", "path")


@pytest.mark.parametrize("path", ["/products", "/products/KIT-MUG-01"])
async def test_products_are_neither_made_nor_removed(alone: httpx.AsyncClient, path: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        is_problem(await alone.request(method, path), 405, "method-not-allowed")
    is_problem(await alone.patch("/products", json={"name": "n"}), 405, "method-not-allowed")


async def test_change_changes_what_is_given_and_nothing_else(client: httpx.AsyncClient) -> None:
    before = (await client.get("/products/HOM-CLK-01")).json()
    for change in ({"name": "Clock"}, {"description": "Ticks."}, {"price": {"amount": "1.5", "currency": "USD"}}):
        answer = await client.patch("/products/HOM-CLK-01", json=change)
        assert answer.status_code == 200
        before |= change
        before["price"] |= {"amount": f"{float(before['price']['amount']):.2f}"}
        assert answer.json() == before == (await client.get("/products/HOM-CLK-01")).json()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({}, "#"),
        ({"colour": "red"}, "#/colour"),
        ({"sku": "A-1"}, "#/sku"),
        ({"name": None}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"name": "  "}, "#/name"),
        ({"name": "a\0"}, "#/name"),
        ({"name": "a" * 201}, "#/name"),
        ({"description": 1}, "#/description"),
        ({"price": None}, "#/price"),
        ({"price": "12.50"}, "#/price"),
        ({"price": {"amount": "12.50"}}, "#/price/currency"),
        ({"price": {"amount": 12.5, "currency": "EUR"}}, "#/price/amount"),
        ({"price": {"amount": "-1", "currency": "EUR"}}, "#/price/amount"),
        ({"price": {"amount": "1.005", "currency": "EUR"}}, "#/price/amount"),
        ({"price": {"amount": "1e3", "currency": "EUR"}}, "#/price/amount"),
        ({"price": {"amount": "12345678901", "currency": "EUR"}}, "#/price/amount"),
        ({"price": {"amount": "1", "currency": "eur"}}, "#/price/currency"),
    ],
)
async def test_bad_change_is_named(alone: httpx.AsyncClient, change: dict[str, object], pointer: str) -> None:
    answer = await alone.patch("/products/HOM-CLK-01", json=change)
    (error,) = is_problem(answer, 422, "invalid-request")["errors"]
    assert error["pointer"] == pointer


async def test_change_of_a_product_that_is_not_there(client: httpx.AsyncClient) -> None:
    is_problem(await client.patch("/products/NO-SUCH-1", json={"name": "n"}), 404, "not-found")


async def test_total_and_items_are_of_one_moment(server: Postgres, service: Running, migrated: CatalogSettings) -> None:
    """What is put in between the two statements of a page is in neither."""
    database: Database = service.app.state.database
    count = select(func.count()).select_from(ProductRow)

    async def counted_twice(session: AsyncSession) -> tuple[int | None, int | None]:
        before = await session.scalar(count)
        await administrator.execute("INSERT INTO products VALUES ('NEW-1', 'n', 'd', 'c', 1, 'EUR')")
        return before, await session.scalar(count)

    async with server.administrator(migrated.postgres_database) as administrator:
        try:
            assert await database.read(counted_twice) == (60, 60)
            assert await database.read(lambda session: session.scalar(count)) == 61
        finally:
            await administrator.execute("DELETE FROM products WHERE sku = 'NEW-1'")


async def test_description_names_every_operation_once(alone: httpx.AsyncClient) -> None:
    """A warning that two have one name would be an error here."""
    paths = (await alone.get("/openapi.json")).json()["paths"]
    assert {path: set(operations) for path, operations in paths.items()} == {
        "/products": {"get"},
        "/products/{sku}": {"get", "patch"},
    }
