"""The sales of a day, and what of an order's event they are made of. No files and no messages here."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from blueprint_kit.messages import Event

Amount = Annotated[
    Decimal,
    Field(ge=0, max_digits=30, decimal_places=2),
    PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str),
]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Units = Annotated[int, Field(ge=1, strict=True)]


class Money(BaseModel):
    """An amount as a decimal string and its currency (ISO 4217)."""

    model_config = ConfigDict(frozen=True)

    amount: Amount
    currency: Currency


class SoldItem(BaseModel):
    """How many of a product an order has."""

    sku: str = Field(min_length=1, max_length=100)
    quantity: Units


class Sale(BaseModel):
    """What the event of a confirmed order says of it. What else it says is of no concern here."""

    total: Money
    items: list[SoldItem] = Field(min_length=1)


class Day(BaseModel):
    """The confirmed orders of one day in UTC: their totals by id, and the sums of them all."""

    model_config = ConfigDict(extra="forbid")

    day: date
    orders: dict[UUID, Money] = Field(default_factory=dict)
    totals: dict[Currency, Amount] = Field(default_factory=dict)
    units: dict[str, Units] = Field(default_factory=dict)

    def add(self, order_id: UUID, sale: Sale) -> bool:
        """Count an order: whether it was not counted before."""
        if order_id in self.orders:
            return False
        self.orders[order_id] = sale.total
        currency = sale.total.currency
        self.totals[currency] = self.totals.get(currency, Decimal()) + sale.total.amount
        for item in sale.items:
            self.units[item.sku] = self.units.get(item.sku, 0) + item.quantity
        return True

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.totals != _sums(self.orders):
            raise ValueError("its totals must be the sums of its orders")
        return self


def day_of(event: Event) -> date:
    """The day in UTC of an event, whose time is in UTC."""
    return event.at.date()


def _sums(orders: dict[UUID, Money]) -> dict[str, Decimal]:
    sums = defaultdict[str, Decimal](Decimal)
    for total in orders.values():
        sums[total.currency] += total.amount
    return dict(sums)
