"""The saga: brings an order from the state it is in to its end.

Nothing but the order's state in the database says what comes next, so it may stop anywhere and begin again, and two may
work on one order at the same time: of each transition only one succeeds, and what the other services are asked may be
asked twice.

- What is asked of others comes before the transition that notes it; if the process dies in between it is asked again.
- A rejection is noted first and what is reserved released after, before the message is done: the order may have been
  reserved meanwhile by a second handler, whose transition now fails, and who comes here too.
- A declined payment releases the stock first: each handler gets the same answer, so none can pay.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter

from app import orders
from app.inventory import Inventory
from app.models import OrderRow
from app.payments import Payments
from app.states import FAILED, FINAL, Status
from blueprint_kit.logs import logger
from blueprint_kit.messages import Event, Poison
from blueprint_kit.postgres import Database

STREAM, CONSUMER = "ORDERS", "orders-saga"
STANDING = timedelta(minutes=2)  # more than the longest pause between two deliveries of a message
STANDING_MOST = 20

TRANSITIONS = Counter("orders_transitions_total", "Orders that came into a state here.", ["status"])

log = logger(__name__)


class NoSuchOrderError(Exception):
    """There is an event, or a question, about an order that is not in the database."""


class Saga:
    """What is done to orders, and with whom. `moved` is called after each transition."""

    def __init__(self, database: Database, inventory: Inventory, payments: Payments, moved: Callable[[], None]) -> None:
        self._database = database
        self._inventory = inventory
        self._payments = payments
        self._moved = moved
        self._steps: dict[Status, Callable[[OrderRow], Awaitable[None]]] = {
            Status.PENDING: self._reserve,
            Status.RESERVED: self._pay,
            Status.PAID: self._confirm,
        }

    async def handle(self, event: Event) -> None:
        """Bring the order of an event to its end. Raises Poison, and the problems of who is away."""
        try:
            await self.finish(event.order_id)
        except NoSuchOrderError as error:
            raise Poison(str(error)) from error

    async def finish(self, order_id: UUID) -> None:
        """Bring an order to its end from any state. Raises NoSuchOrderError, and the problems of who is away."""
        while True:
            order = await self._database.read(lambda session: orders.find_order(session, order_id))
            if order is None:
                raise NoSuchOrderError(f"there is no order {order_id}")
            status = Status(order.status)
            if status in FINAL:
                break
            await self._steps[status](order)
        if status in FAILED:
            await self._inventory.release(order_id)

    async def resume(self) -> None:
        """Go on with orders that stand still: their message is among the dead letters, or the broker lost it."""
        standing = await self._database.read(lambda session: orders.find_standing(session, STANDING, STANDING_MOST))
        for order_id in standing:
            log.warning("order stands still, going on with it", order_id=str(order_id))
            try:
                await self.finish(order_id)
            except Exception as error:  # the others must not wait for this one
                log.warning("order still stands", order_id=str(order_id), error=repr(error))

    async def _reserve(self, order: OrderRow) -> None:
        refused = await self._inventory.reserve(order)
        await self._move(order, Status.REJECTED if refused else Status.RESERVED, refused)

    async def _pay(self, order: OrderRow) -> None:
        declined = await self._payments.pay(order)
        if declined:
            await self._inventory.release(order.id)
        await self._move(order, Status.PAYMENT_FAILED if declined else Status.PAID, declined)

    async def _confirm(self, order: OrderRow) -> None:
        await self._inventory.commit(order.id)
        await self._move(order, Status.CONFIRMED, None)

    async def _move(self, order: OrderRow, to: Status, reason: str | None) -> None:
        """Note the transition. If somebody else was faster it is not: the caller looks at the order again."""
        moved = await self._database.write(lambda session: orders.move(session, order, to, reason), repeatable=True)
        if moved:
            TRANSITIONS.labels(to.value).inc()
            log.info("order moved", order_id=str(order.id), status=to.value, reason=reason)
            self._moved()
