"""The saga: whatever dies, comes twice or is away, each order ends once, with each event once and the stock right."""

import asyncio
import itertools
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from peers import Fault, Peers
from rig import (
    DECLINED,
    GOOD,
    HAPPY,
    HURRIED,
    PATIENT,
    PAYMENT_FAILED,
    REJECTED,
    SOLD_OUT,
    Broker,
    Crash,
    Lines,
    Replica,
    Steps,
    placed,
    relaying,
)

from app import saga as saga_module
from app.models import OrderRow
from blueprint_kit.messages import Poison
from blueprint_kit.problems import Problem

Shop = Callable[..., Replica]


@dataclass(frozen=True)
class End:
    """An order, and what must have come of it."""

    lines: Lines
    types: list[str]
    reservation: str
    reason: str | None

    @property
    def sold(self) -> int:
        """How many mugs are gone in the end."""
        return 2 if self.reservation == "committed" else 0


CONFIRMED = End(GOOD, HAPPY, "committed", None)
UNPAID = End(DECLINED, PAYMENT_FAILED, "released", "card_declined")
REFUSED = End(SOLD_OUT, REJECTED, "released", "out_of_stock: KTL-1")
ENDS = pytest.mark.parametrize("end", [CONFIRMED, UNPAID, REFUSED], ids=["confirmed", "payment failed", "rejected"])


def states(types: list[str]) -> list[str]:
    return ["pending", *(name.removeprefix("orders.") for name in types[1:])]


async def ended_well(replica: Replica, peers: Peers, broker: Broker, order_id: uuid.UUID, end: End) -> None:
    """The order is at its end, and everybody knows the same of it."""
    assert await replica.history(order_id) == states(end.types)
    order = await replica.order(order_id)
    assert (order.status, order.reason) == (states(end.types)[-1], end.reason)
    assert peers.status_of(str(order_id)) == end.reservation
    await replica.publish_all()
    assert await replica.outbox() == []
    assert broker.of(order_id) == end.types


@ENDS
async def test_order_comes_to_its_end(shop: Shop, peers: Peers, broker: Broker, end: End) -> None:
    replica = shop()
    order_id = await replica.place(end.lines)
    await replica.saga.handle(placed(order_id))
    await ended_well(replica, peers, broker, order_id, end)
    assert peers.missing("MUG-1") == end.sold
    last = [event for event in broker.events if event.order_id == order_id][-1]
    assert (last.data["status"], last.data["reason"], last.data["customer"]) == (
        states(end.types)[-1],
        end.reason,
        "Ada",
    )


@ENDS
async def test_second_message_changes_nothing(shop: Shop, peers: Peers, broker: Broker, end: End) -> None:
    replica = shop()
    order_id = await replica.place(end.lines)
    for _ in range(3):
        await replica.saga.handle(placed(order_id))
    await ended_well(replica, peers, broker, order_id, end)
    assert len(broker.events) == len(end.types)


@ENDS
async def test_crash_between_any_two_steps_is_made_good(shop: Shop, peers: Peers, broker: Broker, end: End) -> None:
    """A process dies at its first point, the next at its second, and so on, until one comes through."""
    clean, steps = shop(), Steps()
    fragile = shop(steps=steps)
    crashes = 0
    for point in itertools.count(1):
        order_id = await clean.place(end.lines)
        steps.crash_at, steps.passed = point, 0
        try:
            await fragile.saga.handle(placed(order_id))
            await fragile.publish_all()
            steps.crash_at = 0
        except Crash:
            crashes += 1
        await clean.deliver(order_id)
        await ended_well(clean, peers, broker, order_id, end)
        if not steps.crash_at:
            break
    assert crashes > 5 * len(end.types), "all points were tried"
    assert peers.missing("MUG-1") == end.sold * (crashes + 1)


async def test_crash_while_the_order_is_placed_leaves_all_of_it_or_nothing(
    shop: Shop, peers: Peers, broker: Broker
) -> None:
    """The client, who got no answer, sends the same key again: there is one order in the end."""
    clean, steps = shop(), Steps()
    fragile = shop(steps=steps)
    for point in itertools.count(1):
        steps.crash_at, steps.passed, key = point, 0, uuid.uuid4().hex
        try:
            await fragile.place(GOOD, key)
            steps.crash_at = 0
        except Crash:
            pass
        order_id = await clean.place(GOOD, key)
        assert await clean.place(GOOD, key) == order_id
        await clean.publish_all()
        assert [event.type for event in broker.events if event.order_id == order_id] == ["orders.placed"]
        if not steps.crash_at:
            break
    assert len(broker.events) == point


@pytest.mark.parametrize("part", ["/commit", "PUT /payments", "PUT /reservations"])
@pytest.mark.parametrize("fault", Fault)
async def test_peer_that_fails_is_asked_again(
    shop: Shop, peers: Peers, broker: Broker, part: str, fault: Fault
) -> None:
    """Whether it did what it was asked or not."""
    replica = shop(policy=HURRIED if fault is Fault.LATE else PATIENT)
    order_id = await replica.place(GOOD)
    peers.faults = [(part, fault)] * 2
    await replica.deliver(order_id)
    assert len(peers.faults) < 2, "it did fail"
    await ended_well(replica, peers, broker, order_id, CONFIRMED)
    assert peers.missing("MUG-1") == 2


@pytest.mark.parametrize("end", [UNPAID, REFUSED], ids=["payment failed", "rejected"])
async def test_release_that_fails_keeps_the_message(shop: Shop, peers: Peers, end: End) -> None:
    replica = shop()
    order_id = await replica.place(end.lines)
    peers.away = {"/release"}
    for _ in range(2):
        with pytest.raises(Problem):
            await replica.saga.handle(placed(order_id))
    assert peers.status_of(str(order_id)) != "released"
    peers.away = set()
    await replica.saga.handle(placed(order_id))
    assert peers.status_of(str(order_id)) == "released"
    assert peers.missing("MUG-1") == 0


async def test_two_handlers_of_each_order_and_two_relays(shop: Shop, peers: Peers, broker: Broker) -> None:
    """All at once, with answers that come in any order."""
    replicas = [shop(), shop()]
    ends = {await replicas[0].place(end.lines): end for end in (CONFIRMED, UNPAID, REFUSED) for _ in range(8)}

    async def dawdle(_line: str) -> None:
        await asyncio.sleep(random.random() * 0.03)  # noqa: S311 - jitter is no secret

    peers.before_answer = dawdle
    handling = [replica.deliver(order_id) for order_id in ends for replica in replicas]
    random.shuffle(handling)
    async with relaying(replicas[0].relay), relaying(replicas[1].relay):
        await asyncio.gather(*handling)
    for order_id, end in ends.items():
        await ended_well(replicas[0], peers, broker, order_id, end)
    assert peers.missing("MUG-1") == 2 * 8
    assert len({event.id for event in broker.events}) == 8 * (4 + 3 + 2)


@pytest.mark.parametrize("refused_first", [True, False])
async def test_reservation_that_one_handler_got_and_the_other_not(
    shop: Shop, peers: Peers, broker: Broker, refused_first: bool
) -> None:
    """Between the two the stock came. Who notes its answer first decides; nothing stays reserved for a rejection."""
    replicas = [shop(), shop()]
    order_id = await replicas[0].place(SOLD_OUT)
    gates = [held(replica) for replica in replicas]
    handling = []
    for replica, (answered, _) in zip(replicas, gates, strict=True):
        handling.append(asyncio.create_task(replica.saga.handle(placed(order_id))))
        await asyncio.wait_for(answered.wait(), 5)
        peers.stock["KTL-1"] = 5 if replica is replicas[0] else peers.stock["KTL-1"]
    assert peers.status_of(str(order_id)) == "reserved", "the second one has it"
    for index in (0, 1) if refused_first else (1, 0):
        gates[index][1].set()
        await asyncio.wait_for(handling[index], 5)
    end = REFUSED if refused_first else replace(CONFIRMED, lines=SOLD_OUT)
    await ended_well(replicas[0], peers, broker, order_id, end)
    assert peers.stock["KTL-1"] == (5 if refused_first else 4)


def held(replica: Replica) -> tuple[asyncio.Event, asyncio.Event]:
    """Stop the replica between the answer of its reservation and its transition: (answered, may go on)."""
    answered, go_on = asyncio.Event(), asyncio.Event()
    inventory = replica.saga._inventory
    reserve = inventory.reserve

    async def reserve_and_wait(order: OrderRow) -> str | None:
        outcome = await reserve(order)
        answered.set()
        await go_on.wait()
        return outcome

    inventory.reserve = reserve_and_wait  # type: ignore[method-assign]
    return answered, go_on


async def test_reservation_that_comes_after_the_rejection_is_refused(shop: Shop, peers: Peers, broker: Broker) -> None:
    """A request may be on its way longer than its sender lives."""
    replica = shop()
    order_id = await replica.place(SOLD_OUT)
    await replica.saga.handle(placed(order_id))
    peers.stock["KTL-1"] = 5
    late = await replica.order(order_id)
    assert await replica.saga._inventory.reserve(late) == "reservation_released"
    assert peers.stock["KTL-1"] == 5
    await ended_well(replica, peers, broker, order_id, REFUSED)


async def test_event_of_no_order_is_poison(shop: Shop) -> None:
    with pytest.raises(Poison, match="there is no order"):
        await shop().saga.handle(placed(uuid.uuid4()))


async def test_orders_whose_message_is_lost_go_on(
    shop: Shop, peers: Peers, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them cannot; the others do not wait for it."""
    replica = shop()
    ids = [await replica.place(GOOD) for _ in range(3)]
    await replica.saga.resume()
    assert [await replica.history(order_id) for order_id in ids] == [["pending"]] * 3, "they are not old enough"
    monkeypatch.setattr(saga_module, "STANDING", 0 * saga_module.STANDING)
    peers.away = {str(ids[1])}
    await replica.saga.resume()
    assert await replica.history(ids[1]) == ["pending"]
    for order_id in (ids[0], ids[2]):
        await ended_well(replica, peers, broker, order_id, CONFIRMED)
