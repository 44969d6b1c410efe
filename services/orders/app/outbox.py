"""The outbox relay: publishes the events that transactions left behind, each order's in order, none lost.

Each replica runs one. A relay takes only the first event of an order and holds its row locked until the broker has it,
so the next one of this order is out of everybody's reach until then. If it dies after the broker's answer the event is
published again with the same id, which the broker and the consumers recognise.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Gauge
from sqlalchemy import Select, delete, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.models import OutboxRow
from blueprint_kit.logs import logger
from blueprint_kit.messages import Event
from blueprint_kit.postgres import Database, DatabaseUnavailable

BATCH = 64
POLL_SECONDS = 1.0  # for what a replica left behind that is gone
BACKOFF_SECONDS, BACKOFF_MOST_SECONDS = 0.2, 5.0

# The server ends the transaction of a relay whose node is gone; else its locks would last as long as TCP hopes.
_END_IF_GONE = text("SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, true)")
GONE_SECONDS = 10.0  # on top of the time that a publication may take

WAITING = Gauge("orders_outbox_events", "Events that are still to be published.")
AGE = Gauge("orders_outbox_oldest_seconds", "The age of the oldest of them.")

log = logger(__name__)


@dataclass(frozen=True)
class Passed:
    """How many events a round published, and how many it could not."""

    published: int
    failed: int


class Relay:
    """Moves events from the outbox to `publish`, which returns when the broker has the event for good.

    `publish_seconds` is the most that takes.
    """

    def __init__(
        self,
        database: Database,
        publish: Callable[[Event], Awaitable[None]],
        *,
        publish_seconds: float = 3.0,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = database
        self._publish = publish
        self._gone = {"milliseconds": str(round((publish_seconds + GONE_SECONDS) * 1000))}
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Say that there are new events."""
        self._woken.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        failures = 0
        while True:
            self._woken.clear()
            passed = await self._round()
            if passed is None or passed.failed:
                failures += 1
                await asyncio.sleep(backoff(failures, random.random()))  # noqa: S311 - jitter is no secret
                continue
            failures = 0
            if not passed.published:
                await self._wait()

    async def pass_on(self) -> Passed:
        """One round: take the first events of some orders, publish them, remove them. Raises DatabaseUnavailable."""
        return await self._database.write(self._pass_on)

    async def measure(self) -> None:
        """Show how much waits. Raises DatabaseUnavailable."""

        async def query(session: AsyncSession) -> tuple[int, float]:
            oldest = func.coalesce(func.extract("epoch", func.now() - func.min(OutboxRow.at)), 0)
            found = (await session.execute(select(func.count(), oldest).select_from(OutboxRow))).one()
            return int(found[0]), float(found[1])

        waiting, age = await self._database.read(query)
        WAITING.set(waiting)
        AGE.set(age)

    async def _round(self) -> Passed | None:
        try:
            return await self.pass_on()
        except DatabaseUnavailable as error:
            log.warning("outbox out of reach", error=error.detail)
        except Exception:  # the relay must outlive what it does not know; the log and its metrics say it
            log.exception("outbox failed")
        return None

    async def _wait(self) -> None:
        seconds = self._poll_seconds * (0.5 + random.random())  # noqa: S311 - jitter is no secret
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return  # time to look for what others left behind

    async def _pass_on(self, session: AsyncSession) -> Passed:
        await session.execute(_END_IF_GONE, self._gone)
        rows = (await session.scalars(first_events(BATCH))).all()
        published = await self._publish_all(rows)
        if published:
            await session.execute(delete(OutboxRow).where(OutboxRow.sequence.in_(published)))
        return Passed(len(published), len(rows) - len(published))

    async def _publish_all(self, rows: Sequence[OutboxRow]) -> list[int]:
        """Publish events of different orders at the same time; the sequence numbers of those that the broker has."""
        outcomes = await asyncio.gather(*(self._publish(event_of(row)) for row in rows), return_exceptions=True)
        published = []
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome is None:
                published.append(row.sequence)
            else:
                why = repr(outcome.__cause__ or outcome)
                log.warning("event not published, it stays", event_id=str(row.id), type=row.type, error=why)
        return published


def first_events(most: int) -> Select[tuple[OutboxRow]]:
    """The first event of each order that nobody else has locked, oldest first, locked."""
    earlier = aliased(OutboxRow)
    follows = exists().where(earlier.order_id == OutboxRow.order_id, earlier.sequence < OutboxRow.sequence)
    query = select(OutboxRow).where(~follows).order_by(OutboxRow.sequence).limit(most)
    return query.with_for_update(skip_locked=True, of=OutboxRow)


def event_of(row: OutboxRow) -> Event:
    """The event of a row."""
    return Event(id=row.id, type=row.type, at=row.at, order_id=row.order_id, request_id=row.request_id, data=row.data)


def backoff(failures: int, chance: float) -> float:
    """The seconds to wait after so many failures in a row: half of them fixed, half times `chance` (0 to 1)."""
    full = min(BACKOFF_MOST_SECONDS, BACKOFF_SECONDS * 2.0 ** min(failures - 1, 16))
    return full * (0.5 + 0.5 * chance)
