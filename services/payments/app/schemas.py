"""The shapes that payments takes and answers with. Money is a decimal string."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

AMOUNT_RULE = r"^(0|[1-9][0-9]{0,15})\.[0-9]{2}$"  # never a number: a binary one would lose cents
CURRENCY_RULE = r"^[A-Z]{3}$"

Status = Literal["approved", "declined"]
Reason = Literal["card_declined"]


class Asked(BaseModel):
    """What a client sends: exactly this, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Money(Asked):
    """An amount with two places, and its currency (ISO 4217)."""

    amount: str = Field(pattern=AMOUNT_RULE, examples=["12.50"])
    currency: str = Field(pattern=CURRENCY_RULE, examples=["EUR"])


class NewPayment(Asked):
    """What is to be paid for an order."""

    amount: Money


class Payment(BaseModel):
    """How the payment of an order ended; `reason` says why it was declined."""

    id: UUID
    order_id: UUID
    status: Status
    reason: Reason | None
    amount: Money
