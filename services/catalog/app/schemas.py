"""The shapes that the catalog answers with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, PlainSerializer

from app.models import ProductRow

Amount = Annotated[Decimal, PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str)]
Time = Annotated[
    datetime, PlainSerializer(lambda time: time.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str)
]


class Money(BaseModel):
    """An amount as a decimal string and its currency (ISO 4217)."""

    amount: Amount
    currency: str


class Product(BaseModel):
    """A product."""

    sku: str
    name: str
    description: str
    category: str
    price: Money
    created_at: Time

    @classmethod
    def of(cls, row: ProductRow) -> "Product":
        """The product of a row."""
        return cls(
            sku=row.sku,
            name=row.name,
            description=row.description,
            category=row.category,
            price=Money(amount=row.price_amount, currency=row.price_currency),
            created_at=row.created_at,
        )


class ProductPage(BaseModel):
    """One page of a list that has `total` products in all."""

    items: list[Product]
    total: int
    page: int
    size: int
