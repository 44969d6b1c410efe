"""What products cost now, asked of the catalog."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from app.schemas import NewItem
from blueprint_kit.client import Client
from blueprint_kit.outbound import UpstreamBroken
from blueprint_kit.problems import Problem

CURRENCY_RULE = r"^[A-Z]{3}$"


@dataclass(frozen=True)
class PricedItem:
    """A product, how many of it, and what one costs."""

    sku: str
    quantity: int
    amount: Decimal
    currency: str


class Price(BaseModel):
    """The price as the catalog says it."""

    amount: Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
    currency: str = Field(pattern=CURRENCY_RULE)


class Product(BaseModel):
    """What is read of the catalog's answer."""

    sku: str
    price: Price


class UnknownProduct(Problem):
    """422: products that the catalog does not have, by their places in the order."""

    def __init__(self, unknown: dict[int, str]) -> None:
        errors = [
            {"detail": f"there is no product {sku}", "pointer": f"#/items/{place}/sku"}
            for place, sku in unknown.items()
        ]
        detail = f"the catalog does not have {', '.join(unknown.values())}"
        super().__init__(422, detail, kind="unknown-product", errors=errors)


class MixedCurrencies(Problem):
    """422: one order is paid in one currency."""

    def __init__(self, currencies: set[str]) -> None:
        named = " and ".join(sorted(currencies))
        super().__init__(
            422, f"the products are sold in {named}; order those of each on their own", kind="mixed-currencies"
        )


class Prices:
    """The catalog, as this service uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def of(self, items: Sequence[NewItem]) -> list[PricedItem]:
        """The items with their prices. Raises UnknownProduct, MixedCurrencies, and the client's problems."""
        asked = await asyncio.gather(*(self._price(item.sku) for item in items), return_exceptions=True)
        prices: list[Price | None] = []
        for answer in asked:
            if isinstance(answer, BaseException):
                raise answer
            prices.append(answer)
        unknown = {place: items[place].sku for place, price in enumerate(prices) if price is None}
        if unknown:
            raise UnknownProduct(unknown)
        priced = [
            PricedItem(item.sku, item.quantity, price.amount, price.currency)
            for item, price in zip(items, prices, strict=True)
            if price is not None
        ]
        currencies = {item.currency for item in priced}
        if len(currencies) > 1:
            raise MixedCurrencies(currencies)
        return priced

    async def _price(self, sku: str) -> Price | None:
        response = await self._client.request("GET", f"/products/{sku}", accept=(200, 404))
        if response.status_code == 404:
            return None
        try:
            return Product.model_validate_json(response.content).price
        except ValidationError as error:
            raise UpstreamBroken("catalog", "answered with no product") from error
