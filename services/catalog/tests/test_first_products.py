"""The file of the products that the shop opens with."""

import re
from collections import Counter
from decimal import Decimal

import pytest

from app.migrations.versions.m0002_first_products import read_products
from app.routes import SKU_MOST, SKU_RULE

PRODUCTS = read_products()


def test_there_are_sixty() -> None:
    assert len(PRODUCTS) == 60


@pytest.mark.parametrize("column", ["sku", "name"])
def test_no_two_are_the_same(column: str) -> None:
    assert [value for value, count in Counter(product[column] for product in PRODUCTS).items() if count > 1] == []


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product["sku"])
def test_product_is_whole_and_can_be_asked_for(product: dict[str, str | Decimal]) -> None:
    texts = {name: product[name] for name in ("sku", "name", "description", "category", "price_currency")}
    assert set(product) == {*texts, "price_amount"}
    assert all(isinstance(text, str) and text and text == text.strip() for text in texts.values())
    assert re.fullmatch(SKU_RULE, str(product["sku"]))
    assert len(str(product["sku"])) <= SKU_MOST
    assert product["price_currency"] == "EUR"


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product["sku"])
def test_price_is_exact(product: dict[str, str | Decimal]) -> None:
    price = product["price_amount"]
    assert isinstance(price, Decimal)
    assert price > 0
    assert price.as_tuple().exponent == -2, "cents are written out, so none is rounded"
