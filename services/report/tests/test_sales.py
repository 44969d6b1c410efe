"""The sums of a day."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from pydantic import ValidationError
from sold import new_event, new_sale

from app.sales import Day, Sale, day_of

DAY = date(2026, 3, 1)


def test_sums_are_exact_by_currency_and_product() -> None:
    day = Day(day=DAY)
    for amount in ("0.10", "0.20", "1000000000000000.30"):
        assert day.add(uuid4(), new_sale(amount, MUG=2, PAN=1))
    assert day.add(uuid4(), new_sale("5", "USD", MUG=1))
    assert day.totals == {"EUR": Decimal("1000000000000000.60"), "USD": Decimal(5)}
    assert day.units == {"MUG": 7, "PAN": 3}


def test_order_counts_once() -> None:
    day, order_id = Day(day=DAY), uuid4()
    assert day.add(order_id, new_sale())
    before = day.model_dump()
    assert not day.add(order_id, new_sale("99.00"))
    assert day.model_dump() == before


def test_day_is_the_same_after_it_was_written_and_read() -> None:
    day = Day(day=DAY)
    day.add(uuid4(), new_sale("5", MUG=1))
    day.add(uuid4(), new_sale("0.05", "USD", PAN=1))
    assert Day.model_validate_json(day.model_dump_json()) == day
    assert '"totals":{"EUR":"5.00","USD":"0.05"}' in day.model_dump_json()


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-02-28T23:59:59.999999Z", date(2026, 2, 28)),
        ("2026-03-01T00:00:00Z", DAY),
        ("2026-03-01T00:30:00+01:00", date(2026, 2, 28)),
        ("2026-02-28T23:30:00-02:00", DAY),
    ],
)
def test_days_are_those_of_utc(at: str, day: date) -> None:
    assert day_of(new_event(at)) == day


@pytest.mark.parametrize(
    "data",
    [
        {"total": None},
        {"total": {"amount": "-1", "currency": "EUR"}},
        {"total": {"amount": "1.005", "currency": "EUR"}},
        {"total": {"amount": "NaN", "currency": "EUR"}},
        {"total": {"amount": "1", "currency": "euro"}},
        {"items": []},
        {"items": [{"sku": "MUG", "quantity": 0}]},
        {"items": [{"sku": "MUG", "quantity": "2"}]},
    ],
)
def test_what_is_no_sale_is_refused(data: dict[str, object]) -> None:
    whole = {"total": {"amount": "1.00", "currency": "EUR"}, "items": [{"sku": "MUG", "quantity": 2}]}
    Sale.model_validate(whole)
    with pytest.raises(ValidationError):
        Sale.model_validate({**whole, **data})
