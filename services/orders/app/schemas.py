"""The shapes that the orders service takes and answers with. Money is a decimal string, times are in UTC."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, field_validator
from pydantic_core import PydanticCustomError

from app.models import HistoryRow, ItemRow, OrderRow
from app.states import Status

SKU_RULE = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"  # as the catalog has it
SKU_MOST = 40
NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"  # a line of text; PostgreSQL's has no NUL

Amount = Annotated[Decimal, PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str)]
Time = Annotated[
    datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str)
]


class Asked(BaseModel):
    """What a client sends: exactly this, and numbers are numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NewItem(Asked):
    """A product and how many of it."""

    sku: str = Field(pattern=SKU_RULE, max_length=SKU_MOST)
    quantity: int = Field(ge=1, le=1000)


class NewOrder(Asked):
    """What a customer wants. No product twice."""

    customer: str = Field(min_length=1, max_length=100, pattern=NO_CONTROLS)
    items: list[NewItem] = Field(min_length=1, max_length=20)

    @field_validator("items")
    @classmethod
    def _no_product_twice(cls, items: list[NewItem]) -> list[NewItem]:
        seen: set[str] = set()
        for item in items:
            if item.sku in seen:
                raise PydanticCustomError("sku_twice", "{sku} comes twice; add up its quantities", {"sku": item.sku})
            seen.add(item.sku)
        return items


class Accepted(BaseModel):
    """The answer to an order that is taken."""

    id: UUID
    status: Status


class Money(BaseModel):
    """An amount as a decimal string and its currency (ISO 4217)."""

    amount: Amount
    currency: str


class Item(BaseModel):
    """One line of an order, at the price of the moment when it was placed."""

    sku: str
    quantity: int
    price: Money

    @classmethod
    def of(cls, row: ItemRow) -> "Item":
        """The line of a row."""
        price = Money(amount=row.price_amount, currency=row.price_currency)
        return cls(sku=row.sku, quantity=row.quantity, price=price)


class Step(BaseModel):
    """When an order came into a state."""

    status: Status
    at: Time

    @classmethod
    def of(cls, row: HistoryRow) -> "Step":
        """The step of a row."""
        return cls(status=Status(row.status), at=row.at)


class Order(BaseModel):
    """An order as it stands; `reason` says why it was not fulfilled."""

    id: UUID
    status: Status
    customer: str
    items: list[Item]
    total: Money
    reason: str | None
    history: list[Step]

    @classmethod
    def of(cls, row: OrderRow) -> "Order":
        """The order of a row."""
        return cls(
            id=row.id,
            status=Status(row.status),
            customer=row.customer,
            items=[Item.of(item) for item in row.items],
            total=Money(amount=row.total_amount, currency=row.total_currency),
            reason=row.reason,
            history=[Step.of(step) for step in row.history],
        )


class OrderPage(BaseModel):
    """One page of a list that has `total` orders in all."""

    items: list[Order]
    total: int
    page: int
    size: int
