"""The shapes that the inventory takes and answers with."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.models import DeliveryRow, Status, StockRow

SKU_RULE = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"  # as migration 0001 has it
SKU_MOST = 40

Sku = Annotated[str, Field(pattern=SKU_RULE, max_length=SKU_MOST, examples=["KIT-MUG-01"])]


class Asked(BaseModel):
    """What a client sends: exactly this, and numbers are numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Line(Asked):
    """A product and how many of it."""

    sku: Sku
    quantity: int = Field(ge=1, le=1000)


class NewReservation(Asked):
    """What is to be reserved for an order: all of it or nothing. No product twice."""

    items: list[Line] = Field(min_length=1, max_length=20)

    @field_validator("items")
    @classmethod
    def _no_product_twice(cls, items: list[Line]) -> list[Line]:
        seen: set[str] = set()
        for item in items:
            if item.sku in seen:
                raise PydanticCustomError("sku_twice", "{sku} comes twice; add up its quantities", {"sku": item.sku})
            seen.add(item.sku)
        return items

    @property
    def quantities(self) -> dict[str, int]:
        """The quantities by SKU."""
        return {item.sku: item.quantity for item in self.items}


class Reservation(BaseModel):
    """The reservation of an order, its lines in the order of their SKUs."""

    order_id: UUID
    status: Status
    items: list[Line]

    @classmethod
    def of(cls, order_id: UUID, status: Status, quantities: dict[str, int]) -> "Reservation":
        """The reservation of these quantities by SKU."""
        items = [Line(sku=sku, quantity=quantity) for sku, quantity in sorted(quantities.items())]
        return cls(order_id=order_id, status=status, items=items)


class NewDelivery(Asked):
    """What came into the stock. `id` is made by who sends it, and the same when it sends it again."""

    id: UUID = Field(strict=False)  # JSON has strings only
    sku: Sku
    quantity: int = Field(ge=1, le=100_000)


class Delivery(BaseModel):
    """A delivery that is in the stock."""

    id: UUID
    sku: str
    quantity: int

    @classmethod
    def of(cls, row: DeliveryRow) -> "Delivery":
        """The delivery of a row."""
        return cls(id=row.id, sku=row.sku, quantity=row.quantity)


class Stock(BaseModel):
    """How much of a product can be reserved, and how much is reserved for orders that are not through."""

    sku: str
    available: int
    reserved: int

    @classmethod
    def of(cls, row: StockRow) -> "Stock":
        """The stock of a row."""
        return cls(sku=row.sku, available=row.available, reserved=row.reserved)


class StockPage(BaseModel):
    """One page of a list that has `total` products in all."""

    items: list[Stock]
    total: int
    page: int
    size: int
