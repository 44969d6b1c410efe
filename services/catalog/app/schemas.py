"""The shapes that the catalog answers with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

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


_WORDS = r"^[^\x00]*[^\s\x00][^\x00]*$"  # PostgreSQL has no text with a NUL


class NewPrice(BaseModel):
    """A price that a product shall have."""

    model_config = ConfigDict(extra="forbid")

    amount: str = Field(pattern=r"^[0-9]{1,10}(\.[0-9]{1,2})?$", examples=["12.50"])
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["EUR"])


class ProductChange(BaseModel):
    """What shall change of a product; the rest stays. At least one member must be given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    # A factory's default is not in the schema. Nobody reads it: `model_fields_set` says what was given.
    name: str = Field(default_factory=str, pattern=_WORDS, max_length=200)
    description: str = Field(default_factory=str, pattern=_WORDS, max_length=2000)
    price: NewPrice = Field(default_factory=lambda: NewPrice(amount="0", currency="EUR"))

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must name at least one of name, description, price")
        return self

    def columns(self) -> dict[str, Any]:
        """The columns that change, and their new values."""
        new: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"price"}}
        if "price" in self.model_fields_set:
            new |= {"price_amount": Decimal(self.price.amount), "price_currency": self.price.currency}
        return new
