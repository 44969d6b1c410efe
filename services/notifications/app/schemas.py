"""The receipts that the service keeps and shows, and what of an event they are made of."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, PlainSerializer, ValidationError

from blueprint_kit.messages import Event, Poison

Time = Annotated[
    datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str)
]


class Money(BaseModel):
    """An amount as a decimal string and its currency (ISO 4217)."""

    amount: str = Field(pattern=r"^[0-9]{1,18}(\.[0-9]{1,2})?$", examples=["12.50"])
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])


class Item(BaseModel):
    """One line of the order, with the price of one piece."""

    sku: str = Field(min_length=1, max_length=100)
    quantity: int = Field(ge=1, strict=True)
    price: Money


class Sale(BaseModel):
    """What the event of a confirmed order says of it. What else it says is of no concern here."""

    customer: str = Field(min_length=1)
    total: Money
    items: list[Item] = Field(min_length=1)


class Notification(Sale):
    """What a customer was told of an order. `id` and `at` are those of the event."""

    id: UUID
    order_id: UUID
    kind: Literal["order_confirmed"]
    at: Time

    @classmethod
    def of(cls, event: Event) -> "Notification":
        """The receipt of a confirmed order. Raises Poison when its event does not say what one needs."""
        try:
            sale = Sale.model_validate(event.data)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise Poison(f"its data is not that of a confirmed order: {said}") from None
        return cls(
            id=event.id,
            order_id=event.order_id,
            kind="order_confirmed",
            at=event.at,
            customer=sale.customer,
            total=sale.total,
            items=sale.items,
        )


class NotificationPage(BaseModel):
    """One page of a list that has `total` notifications in all."""

    items: list[Notification]
    total: int
    page: int
    size: int
