"""Many requests at the same time, to two replicas of the service: the stock is right whatever comes first.

What is asked is asked of both, so neither a lock of the process nor the order within one connection pool can help.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from blueprint_testing import is_problem, running
from ledger import Account, Ledger

from app.main import create
from app.settings import InventorySettings

MANY = 60
PATIENCE_SECONDS = 60.0  # the host may be busy, and to be refused for that is not what is tested here
MUG, LAMP, TENT, PAN, KNIFE = "KIT-MUG-01", "DSK-LMP-01", "OUT-TNT-02", "KIT-PAN-28", "KIT-KNF-21"
SKUS = (MUG, LAMP, TENT, PAN, KNIFE)


class Replicas:
    """Two replicas, asked in turn."""

    def __init__(self, clients: list[httpx.AsyncClient]) -> None:
        self._clients = itertools.cycle(clients)

    def put(self, order: UUID, **quantities: int) -> Coroutine[Any, Any, httpx.Response]:
        """Reserve; the order of the lines is as given."""
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in quantities.items()]
        return next(self._clients).put(f"/reservations/{order}", json={"items": items})

    def end(self, order: UUID, how: str) -> Coroutine[Any, Any, httpx.Response]:
        """Commit or release."""
        return next(self._clients).post(f"/reservations/{order}/{how}")

    def deliver(self, delivery: UUID, sku: str, quantity: int) -> Coroutine[Any, Any, httpx.Response]:
        """Add to the stock."""
        return next(self._clients).post("/deliveries", json={"id": str(delivery), "sku": sku, "quantity": quantity})


@pytest.fixture(scope="module")
async def replicas(migrated: InventorySettings) -> AsyncIterator[Replicas]:
    patient = migrated.model_copy(update={"postgres_seconds": PATIENCE_SECONDS})
    async with AsyncExitStack() as started:
        clients = []
        for _ in range(2):
            service = await started.enter_async_context(running(create(patient), patient))
            clients.append(await started.enter_async_context(service.client()))
            clients[-1].timeout = httpx.Timeout(PATIENCE_SECONDS)
        yield Replicas(clients)


async def together(asked: list[Coroutine[Any, Any, httpx.Response]]) -> Counter[str]:
    """Ask all at the same time, in any order; how often each answer came: a status of the reservation, or a problem."""
    random.shuffle(asked)
    answers = await asyncio.gather(*asked)
    return Counter(outcome(answer) for answer in answers)


def outcome(answer: httpx.Response) -> str:
    document = answer.json()
    if answer.status_code == 200:
        return str(document.get("status", "delivered"))
    kind = str(document["type"]).removeprefix("urn:blueprint:problem:")
    is_problem(answer, answer.status_code, kind)
    return kind


async def test_duplicates_of_one_request_reserve_once(replicas: Replicas, ledger: Ledger) -> None:
    order = uuid4()
    outcomes = await together([replicas.put(order, **{MUG: 2, LAMP: 1}) for _ in range(MANY)])
    assert outcomes == {"reserved": MANY}
    books = await ledger.balance()
    assert (books[MUG].reserved, books[LAMP].reserved) == (2, 1)


@pytest.mark.parametrize(("how", "status"), [("commit", "committed"), ("release", "released")])
async def test_duplicates_of_an_end_end_it_once(replicas: Replicas, ledger: Ledger, how: str, status: str) -> None:
    order, other = uuid4(), uuid4()
    await together([replicas.put(order, **{PAN: 1}), replicas.put(other, **{PAN: 2})])
    assert await together([replicas.end(order, how) for _ in range(MANY)]) == {status: MANY}
    left = 0 if how == "commit" else 1
    expected = Account(available=left, reserved=2, committed=1 - left, delivered=0)
    assert (await ledger.balance())[PAN] == expected, "what the other order reserved is untouched"


async def test_duplicates_of_a_delivery_are_added_once(replicas: Replicas, ledger: Ledger) -> None:
    delivery = uuid4()
    assert await together([replicas.deliver(delivery, PAN, 7) for _ in range(MANY)]) == {"delivered": MANY}
    assert (await ledger.balance())[PAN] == Account(available=10, reserved=0, committed=0, delivered=7)


async def test_one_id_for_different_deliveries_is_one_of_them(replicas: Replicas, ledger: Ledger) -> None:
    delivery = uuid4()
    outcomes = await together([replicas.deliver(delivery, sku, 7) for sku in SKUS for _ in range(12)])
    assert outcomes == {"delivered": 12, "delivery-differs": 48}
    assert sum(account.delivered for account in (await ledger.balance()).values()) == 7


async def test_scarce_product_is_sold_to_the_last_and_not_further(replicas: Replicas, ledger: Ledger) -> None:
    outcomes = await together([replicas.put(uuid4(), **{KNIFE: 1}) for _ in range(MANY)])
    assert outcomes == {"reserved": 25, "out-of-stock": MANY - 25}
    assert (await ledger.balance())[KNIFE] == Account(available=0, reserved=25, committed=0, delivered=0)


async def test_all_or_nothing_while_each_of_the_products_runs_out(replicas: Replicas, ledger: Ledger) -> None:
    await ledger.open({MUG: 40, LAMP: 30, TENT: 20})
    outcomes = await together([replicas.put(uuid4(), **{MUG: 1, LAMP: 1, TENT: 1}) for _ in range(MANY)])
    assert outcomes == {"reserved": 20, "out-of-stock": 40}
    books = await ledger.balance()
    assert [books[sku].reserved for sku in (MUG, LAMP, TENT)] == [20, 20, 20]


async def test_orders_for_the_same_products_in_any_order_do_not_deadlock(replicas: Replicas, ledger: Ledger) -> None:
    before = await ledger.deadlocks()
    orders = [uuid4() for _ in range(MANY)]
    lines = [dict.fromkeys(random.sample((MUG, LAMP, TENT), 3), 1) for _ in orders]
    asked = [replicas.put(order, **line) for order, line in zip(orders, lines, strict=True)]
    assert await together(asked) == {"reserved": MANY}
    ends = [replicas.end(order, "commit" if place % 2 else "release") for place, order in enumerate(orders)]
    deliveries = [replicas.deliver(uuid4(), sku, 1) for sku in (MUG, LAMP, TENT) for _ in range(10)]
    outcomes = await together(ends + deliveries)
    assert outcomes == {"committed": MANY // 2, "released": MANY // 2, "delivered": 30}
    assert await ledger.deadlocks() == before
    books = await ledger.balance()
    assert [(books[sku].reserved, books[sku].committed) for sku in (MUG, LAMP, TENT)] == [(0, MANY // 2)] * 3


async def test_release_that_meets_its_request_to_reserve_leaves_nothing(replicas: Replicas, ledger: Ledger) -> None:
    """Whichever comes first: the stock is released, or never reserved."""
    orders = [uuid4() for _ in range(MANY)]
    both = [call for order in orders for call in (replicas.put(order, **{MUG: 1}), replicas.end(order, "release"))]
    outcomes = await together(both)
    assert outcomes["released"] == MANY
    assert outcomes["reserved"] + outcomes["reservation-released"] == MANY
    assert await ledger.statuses() == dict.fromkeys(orders, "released")
    assert (await ledger.balance())[MUG].reserved == 0


async def test_commit_and_release_of_one_order_agree_on_its_end(replicas: Replicas, ledger: Ledger) -> None:
    ends: Counter[str] = Counter()
    for _ in range(8):
        order = uuid4()
        await replicas.put(order, **{MUG: 1})
        outcomes = await together([replicas.end(order, how) for how in ("commit", "release") for _ in range(5)])
        (end,) = {"committed", "released"} & set(outcomes)
        assert outcomes == {end: 5, f"reservation-{end}": 5}
        ends[end] += 1
    assert (await ledger.balance())[MUG].committed == ends["committed"]


async def test_everything_at_once_adds_up_at_every_moment(replicas: Replicas, ledger: Ledger) -> None:
    """240 requests of all kinds, many of them the same, about 20 orders and 5 products that run out and come again."""
    await ledger.open(dict.fromkeys(SKUS, 10))
    chance = random.Random(5)  # noqa: S311 - no secret
    orders = {uuid4(): {sku: chance.randint(1, 3) for sku in chance.sample(SKUS, 3)} for _ in range(20)}
    deliveries = {uuid4(): (chance.choice(SKUS), chance.randint(1, 5)) for _ in range(20)}
    asked = [replicas.put(order, **lines) for order, lines in orders.items() for _ in range(4)]
    asked += [replicas.end(order, how) for order in orders for how in ("commit", "commit", "release")]
    asked += [replicas.deliver(delivery, *what) for delivery, what in deliveries.items() for _ in range(5)]
    looking = asyncio.create_task(look_on(ledger))
    outcomes = await together(asked)
    looking.cancel()
    looks = await looking
    known = {"reserved", "committed", "released", "delivered", "out-of-stock", "not-found"}
    assert set(outcomes) <= known | {"reservation-released", "reservation-committed"}, "nothing failed"
    assert outcomes["delivered"] == 100
    books = await ledger.balance()
    assert sum(account.delivered for account in books.values()) == sum(quantity for _, quantity in deliveries.values())
    assert looks > 3, "the books were looked at while they changed"


async def look_on(ledger: Ledger) -> int:
    """Check the books until cancelled; how often."""
    for looks in itertools.count():
        try:
            await ledger.balance()
        except asyncio.CancelledError:
            return looks
    raise AssertionError("unreachable")
