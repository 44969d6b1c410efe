"""Events of confirmed orders, as the orders send them, and a stream of them in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.sales import Money, Sale, SoldItem
from blueprint_kit.messages import Event, MessagesUnavailable


def new_sale(amount: str = "25.00", currency: str = "EUR", **units: int) -> Sale:
    """A sale of so many of each product, two mugs if none is given."""
    items = [SoldItem(sku=sku, quantity=quantity) for sku, quantity in (units or {"MUG": 2}).items()]
    return Sale(total=Money.model_validate({"amount": amount, "currency": currency}), items=items)


def new_event(
    at: str = "2026-03-01T12:00:00Z",
    amount: str = "25.00",
    currency: str = "EUR",
    order_id: UUID | None = None,
    **data: Any,
) -> Event:
    """The event of an order of two mugs; `data` replaces parts of it."""
    total = {"amount": amount, "currency": currency}
    item = {"sku": "MUG", "quantity": 2, "price": total}
    whole = {"customer": "Ada", "items": [item], "total": total, "status": "confirmed", "reason": None}
    return Event(
        id=uuid4(),
        type="orders.confirmed",
        at=datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(UTC),
        order_id=order_id or uuid4(),
        request_id="request-1",
        data={**whole, **data},
    )


class Stream:
    """Messages by their numbers. Reading breaks off, once, before the message numbered `broken_at`."""

    def __init__(self, *events: Event | None) -> None:
        self.messages = dict(enumerate(events, 1))
        self.broken_at = 0
        self.asked: list[int] = []

    async def read_from(self, stream: str, subject: str, sequence: int) -> AsyncIterator[tuple[int, Event | None]]:
        """As `Messages.read_from`."""
        assert (stream, subject) == ("ORDERS", "orders.confirmed")
        self.asked.append(sequence)
        for number, event in sorted(self.messages.items()):
            if number == self.broken_at:
                self.broken_at = 0
                raise MessagesUnavailable
            if number >= sequence:
                yield number, event
