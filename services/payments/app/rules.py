"""The rules of the test card: the same order and amount always get the same answer, so a payment may be asked again."""

from uuid import UUID, uuid5

from app.schemas import Money, Payment

DECLINED_CENTS = ".13"


def pay(order_id: UUID, amount: Money) -> Payment:
    """The payment of an order. An amount that ends in .13 is declined."""
    declined = amount.amount.endswith(DECLINED_CENTS)
    return Payment(
        id=uuid5(order_id, "payment"),
        order_id=order_id,
        status="declined" if declined else "approved",
        reason="card_declined" if declined else None,
        amount=amount,
    )
