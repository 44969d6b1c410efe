"""The service's resources."""

from uuid import UUID

from fastapi import APIRouter
from prometheus_client import Counter

from app.rules import pay
from app.schemas import NewPayment, Payment
from blueprint_kit.logs import logger
from blueprint_kit.openapi import problem_responses

PAYMENTS = Counter("payments_total", "Payments that were answered, each time that they were asked.", ["status"])

log = logger(__name__)

router = APIRouter(responses=problem_responses())


@router.put("/payments/{order_id}")
async def put_payment(order_id: UUID, body: NewPayment) -> Payment:
    """Take the amount of an order. The same request gets the same answer."""
    payment = pay(order_id, body.amount)
    PAYMENTS.labels(payment.status).inc()
    log.info("payment", order_id=str(order_id), status=payment.status, reason=payment.reason)
    return payment
