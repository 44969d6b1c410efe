"""How an order is taken: once per idempotency key, at the catalog's prices."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app import orders
from app.idempotency import find_answer, keep_answer, keyed
from app.prices import Prices
from app.saga import TRANSITIONS
from app.schemas import Accepted, NewOrder
from app.states import Status
from blueprint_kit.postgres import Database
from blueprint_kit.problems import Problem


@dataclass(frozen=True)
class Placed:
    """The answer to a request, and whether an earlier request with its key got it first."""

    answer: Accepted
    replayed: bool


class Placing:
    """Takes orders. `placed` is called after each."""

    def __init__(self, database: Database, prices: Prices, placed: Callable[[], None]) -> None:
        self._database = database
        self._prices = prices
        self._placed = placed

    async def place(self, key: str, body: NewOrder) -> Placed:
        """Take an order, or answer as before to a key that came before.

        Raises KeyReused, the problems of the prices, and DatabaseUnavailable: then the same key may be sent again.
        """
        asked = keyed(key, body)
        before = await self._database.read(lambda session: find_answer(session, asked))
        if before is not None:
            return Placed(before, replayed=True)
        priced = await self._prices.of(body.items)
        first = Accepted(id=uuid7(), status=Status.PENDING)

        async def change(session: AsyncSession) -> Accepted:
            if await keep_answer(session, asked, first):
                await orders.place(session, orders.new_order(first.id, body.customer, priced))
                return first
            answer = await find_answer(session, asked)
            if answer is None:  # it was removed for its age between the two statements
                raise Problem(503, "the idempotency key expires just now; try again", headers={"Retry-After": "1"})
            return answer

        answer = await self._database.write(change, repeatable=True)
        replayed = answer.id != first.id
        if not replayed:
            TRANSITIONS.labels(Status.PENDING.value).inc()
            self._placed()
        return Placed(answer, replayed)
