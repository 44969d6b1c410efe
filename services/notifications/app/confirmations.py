"""The consumer of confirmed orders: it keeps one receipt for each, however often and in whatever order events come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from prometheus_client import Counter

from app.receipts import Receipts, ReceiptsUnavailable
from app.schemas import Notification
from blueprint_kit.logs import logger
from blueprint_kit.messages import Event, Messages

STREAM, CONSUMER = "ORDERS", "notifications"
END_SECONDS = 6.0  # a little more than `Messages.consume` takes for the messages in hand

KEPT = Counter(
    "notifications_receipts_total", "Confirmed orders: written, or duplicate (it had its receipt).", ["outcome"]
)

log = logger(__name__)


class Confirmations:
    """Keeps the receipt of each event. A folder that cannot be used is "not now" to `Messages.consume`."""

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._task: asyncio.Task[None] | None = None

    async def handle(self, event: Event) -> None:
        """Keep the receipt of a confirmed order. Raises Poison or ReceiptsUnavailable."""
        receipt = Notification.of(event)
        new = await self._receipts.keep(receipt)
        KEPT.labels("written" if new else "duplicate").inc()
        log.info("receipt written" if new else "receipt was there", order_id=str(event.order_id))

    @contextlib.asynccontextmanager
    async def consumed(self, messages: Messages) -> AsyncIterator[None]:
        """Take the events of `messages` until the block ends."""
        self._task = asyncio.create_task(self._consume(messages))
        try:
            yield
        finally:
            while not self._task.done():  # a cancellation may be lost in `asyncio.wait_for` of Python 3.11
                self._task.cancel()
                await asyncio.wait({self._task}, timeout=END_SECONDS)

    async def check(self) -> None:
        """Raise RuntimeError if no event is taken any more: only a new process mends that."""
        if self._task is not None and self._task.done():
            raise RuntimeError(f"ended: {'cancelled' if self._task.cancelled() else repr(self._task.exception())}")

    async def _consume(self, messages: Messages) -> None:
        try:
            await self._receipts.tidy()
        except ReceiptsUnavailable as error:  # readiness says so as well, until it can be used
            log.warning("what was left aside stays", error=repr(error.__cause__))
        await messages.consume(STREAM, CONSUMER, self.handle)
