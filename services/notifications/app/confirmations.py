"""The consumer of confirmed orders: it keeps one receipt for each, however often and in whatever order events come."""

from prometheus_client import Counter

from app.receipts import Receipts, ReceiptsUnavailable
from app.schemas import Notification
from blueprint_kit.logs import logger
from blueprint_kit.messages import Event, Messages

STREAM, CONSUMER = "ORDERS", "notifications"

KEPT = Counter(
    "notifications_receipts_total", "Confirmed orders: written, or duplicate (it had its receipt).", ["outcome"]
)

log = logger(__name__)


class Confirmations:
    """Keeps the receipt of each event. A folder that cannot be used is "not now" to `Messages.consume`."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts

    async def handle(self, event: Event) -> None:
        """Keep the receipt of a confirmed order. Raises Poison or ReceiptsUnavailable."""
        receipt = Notification.of(event)
        new = await self._receipts.keep(receipt)
        KEPT.labels("written" if new else "duplicate").inc()
        log.info("receipt written" if new else "receipt was there", order_id=str(event.order_id))

    async def consume(self, messages: Messages) -> None:
        """Take the events of `messages` until cancelled."""
        try:
            await self._receipts.tidy()
        except ReceiptsUnavailable as error:  # readiness says so as well, until it can be used
            log.warning("what was left aside stays", error=repr(error.__cause__))
        await messages.consume(STREAM, CONSUMER, self.handle)
