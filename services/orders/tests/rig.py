"""The parts of the orders service, put together as the program does, with what a test wants to see or to break."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from peers import Peers
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import orders
from app.inventory import Inventory
from app.models import OrderRow, OutboxRow
from app.outbox import Relay
from app.payments import Payments
from app.placing import Placing
from app.prices import Prices
from app.saga import Saga
from app.schemas import NewItem, NewOrder
from app.settings import OrdersSettings
from blueprint_kit.client import Client
from blueprint_kit.messages import Event
from blueprint_kit.outbound import CallPolicy
from blueprint_kit.pool import PoolPolicy
from blueprint_kit.postgres import Database
from blueprint_kit.problems import Problem

Result = TypeVar("Result")
Lines = Sequence[tuple[str, int]]
STEADY = PoolPolicy(age_seconds=600)  # on a busy host the tests last longer than a pool
PATIENT, HURRIED = CallPolicy(head_seconds=20, pool=STEADY), CallPolicy(head_seconds=0.5, pool=STEADY)

GOOD: Lines = (("MUG-1", 2), ("PAN-1", 1))
DECLINED: Lines = (("TOW-1", 1), ("MUG-1", 4))  # 57.13
SOLD_OUT: Lines = (("MUG-1", 1), ("KTL-1", 1))

HAPPY = ["orders.placed", "orders.reserved", "orders.paid", "orders.confirmed"]
PAYMENT_FAILED = ["orders.placed", "orders.reserved", "orders.payment_failed"]
REJECTED = ["orders.placed", "orders.rejected"]


class Crash(BaseException):
    """The process ends here: nothing but the test may see it."""


@dataclass
class Steps:
    """Counts the points that a process passes, and ends it at one of them."""

    crash_at: int = 0
    passed: int = 0

    def pass_one(self) -> None:
        self.passed += 1
        if self.passed == self.crash_at:
            raise Crash


class CrashingDatabase(Database):
    """A database whose user may die before and after each transaction, and just before its commit."""

    def __init__(self, settings: OrdersSettings, steps: Steps) -> None:
        super().__init__(settings)
        self._crash_steps = steps

    async def read(self, query: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        self._crash_steps.pass_one()
        found = await super().read(query)
        self._crash_steps.pass_one()
        return found

    async def write(self, change: Callable[[AsyncSession], Awaitable[Result]], *, repeatable: bool = False) -> Result:
        async def crashing(session: AsyncSession) -> Result:
            result = await change(session)
            await session.flush()
            self._crash_steps.pass_one()
            return result

        self._crash_steps.pass_one()
        result = await super().write(crashing, repeatable=repeatable)
        self._crash_steps.pass_one()
        return result


class CrashingClient(Client):
    """A client whose user may die before a request and after its answer."""

    def __init__(self, origin: str, policy: CallPolicy, steps: Steps) -> None:
        super().__init__(origin, policy)
        self._crash_steps = steps

    async def request(self, *args: Any, **keywords: Any) -> httpx.Response:
        self._crash_steps.pass_one()
        response = await super().request(*args, **keywords)
        self._crash_steps.pass_one()
        return response


def placed(order_id: uuid.UUID) -> Event:
    """The event that the saga gets."""
    return Event(
        id=uuid.uuid4(), type="orders.placed", at=datetime.now(UTC), order_id=order_id, request_id=None, data={}
    )


@dataclass
class Broker:
    """Keeps what is published, in order; `away` makes it refuse."""

    events: list[Event] = field(default_factory=list)
    away: Exception | None = None

    async def publish(self, event: Event) -> None:
        if self.away is not None:
            raise self.away
        self.events.append(event)

    def of(self, order_id: uuid.UUID) -> list[str]:
        """The types of an order's events as a consumer sees them that leaves out an id that it knows."""
        seen = {event.id: event.type for event in self.events if event.order_id == order_id}
        return list(seen.values())


@contextlib.asynccontextmanager
async def relaying(relay: Relay) -> AsyncIterator[None]:
    """The relay runs in this block."""
    running = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


@dataclass
class Replica:
    """One process of the service, without its HTTP side."""

    database: Database
    placing: Placing
    saga: Saga
    relay: Relay
    clients: list[Client]

    async def close(self) -> None:
        for client in self.clients:
            await client.close()
        await self.database.close()

    async def place(self, lines: Lines, key: str | None = None, customer: str = "Ada") -> uuid.UUID:
        """Take an order; its id."""
        items = [NewItem(sku=sku, quantity=quantity) for sku, quantity in lines]
        placed = await self.placing.place(key or uuid.uuid4().hex, NewOrder(customer=customer, items=items))
        return placed.answer.id

    async def order(self, order_id: uuid.UUID) -> OrderRow:
        """The order as it stands."""
        row = await self.database.read(lambda session: orders.find_order(session, order_id))
        assert row is not None
        return row

    async def history(self, order_id: uuid.UUID) -> list[str]:
        """The order's states, oldest first."""
        return [step.status for step in (await self.order(order_id)).history]

    async def outbox(self) -> list[OutboxRow]:
        """The events that are still to be published."""
        query = select(OutboxRow).order_by(OutboxRow.sequence)

        async def find(session: AsyncSession) -> list[OutboxRow]:
            return list((await session.scalars(query)).all())

        return await self.database.read(find)

    async def deliver(self, order_id: uuid.UUID) -> int:
        """Give the saga the order's first event, again after each "not now"; how often it was given."""
        for delivery in range(1, 20):
            try:
                await self.saga.handle(placed(order_id))
                return delivery
            except Problem as problem:
                assert problem.status_code >= 500, "it would become a dead letter"
        raise AssertionError("the saga does not come to an end")

    async def publish_all(self) -> None:
        """Publish until nothing is left."""
        while (await self.relay.pass_on()).published:
            pass


def replica(
    settings: OrdersSettings, peers: Peers, broker: Broker, *, steps: Steps | None = None, policy: CallPolicy = PATIENT
) -> Replica:
    """A process whose every step may be its last, as `steps` says."""
    steps = steps or Steps()
    database, client = CrashingDatabase(settings, steps), CrashingClient(peers.url, policy, steps)
    relay = Relay(database, broker.publish)
    saga = Saga(database, Inventory(client), Payments(client), moved=relay.wake)
    placing = Placing(database, Prices(client), placed=relay.wake)
    return Replica(database, placing, saga, relay, [client])
