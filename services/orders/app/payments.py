"""The payment of an order, asked of payments, which gives one answer per order however often it is asked."""

from typing import Literal

from pydantic import BaseModel, ValidationError

from app.models import OrderRow
from app.schemas import Money
from blueprint_kit.client import Client
from blueprint_kit.outbound import UpstreamBroken


class Payment(BaseModel):
    """What is read of the answer."""

    status: Literal["approved", "declined"]
    reason: str | None


class Payments:
    """Payments, as this service uses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def pay(self, order: OrderRow) -> str | None:
        """Take the order's total; if that is declined, the reason is returned. Raises the client's problems."""
        total = Money(amount=order.total_amount, currency=order.total_currency)
        asked = {"amount": total.model_dump(mode="json")}
        response = await self._client.request("PUT", f"/payments/{order.id}", json=asked)
        try:
            payment = Payment.model_validate_json(response.content)
        except ValidationError as error:
            raise UpstreamBroken("payments", "answered with no payment") from error
        return None if payment.status == "approved" else payment.reason or "declined"
