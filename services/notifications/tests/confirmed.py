"""Events of confirmed orders, as the orders send them."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from app.schemas import Notification
from blueprint_kit.messages import Event

ITEM = {"sku": "KIT-MUG-01", "quantity": 2, "price": {"amount": "12.50", "currency": "EUR"}}
DATA: dict[str, Any] = {
    "customer": "Ada",
    "items": [ITEM],
    "total": {"amount": "25.00", "currency": "EUR"},
    "status": "confirmed",
    "reason": None,
}


def new_order_id(milliseconds: int | None = None) -> UUID:
    """A UUIDv7 of now, or of a time since 1970."""
    stamp = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    return UUID(int=stamp << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62))


def new_event(order_id: UUID | None = None, **data: Any) -> Event:
    """The event of an order; `data` replaces parts of it."""
    return Event(
        id=uuid4(),
        type="orders.confirmed",
        at=datetime.now(UTC),
        order_id=order_id or new_order_id(),
        request_id="request-1",
        data={**DATA, **data},
    )


def new_receipt(order_id: UUID | None = None, **data: Any) -> Notification:
    """The receipt of such an event."""
    return Notification.of(new_event(order_id, **data))
