"""The shapes of answers: money is exact, times are UTC."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from app.models import ProductRow
from app.schemas import Money, Product, ProductPage

ROW = {"sku": "A-1", "name": "Mug", "description": "A mug.", "category": "Kitchen", "price_currency": "EUR"}
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def product(price: str, created_at: datetime = NOON) -> Product:
    return Product.of(ProductRow(**ROW, price_amount=Decimal(price), created_at=created_at))


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("12.50", "12.50"),
        ("12.5", "12.50"),
        ("0", "0.00"),
        ("0.10", "0.10"),
        ("1E+3", "1000.00"),
        ("9999999999.99", "9999999999.99"),
        ("90071992547409.93", "90071992547409.93"),
    ],
)
def test_money_is_a_decimal_string_with_two_places(amount: str, shown: str) -> None:
    """The last has no exact binary floating-point number."""
    money = Money(amount=Decimal(amount), currency="EUR")
    assert money.model_dump_json() == f'{{"amount":"{shown}","currency":"EUR"}}'


def test_product_has_the_rows_values() -> None:
    assert product("12.5").model_dump() == {
        "sku": "A-1",
        "name": "Mug",
        "description": "A mug.",
        "category": "Kitchen",
        "price": {"amount": "12.50", "currency": "EUR"},
        "created_at": "2026-05-01T12:00:00Z",
    }


def test_times_are_shown_in_utc() -> None:
    east = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert product("1", east).model_dump()["created_at"] == "2026-05-01T12:00:00Z"


def test_page_says_which_it_is_and_how_many_there_are() -> None:
    page = ProductPage(items=[product("1")], total=60, page=3, size=1).model_dump()
    assert (page["total"], page["page"], page["size"], len(page["items"])) == (60, 3, 1, 1)


def test_schema_says_that_amounts_are_strings() -> None:
    """A client made from it would else read a number, and lose cents."""
    schema = Money.model_json_schema(mode="serialization")
    assert schema["properties"]["amount"]["type"] == "string"
