"""Reservations, one request after the other: what each answers, and what it does to the stock."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from blueprint_testing import Running, is_problem
from ledger import FIRST, Account, Ledger

MUG, LAMP, TENT = "KIT-MUG-01", "DSK-LMP-01", "OUT-TNT-02"
KETTLE, PAN, KNIFE = "KIT-KTL-01", "KIT-PAN-28", "KIT-KNF-21"  # 0, 3, 25 in stock


def items(**quantities: int) -> dict[str, Any]:
    return {"items": [{"sku": sku.replace("_", "-"), "quantity": number} for sku, number in quantities.items()]}


TWO = items(KIT_MUG_01=2, DSK_LMP_01=1)


async def put(client: httpx.AsyncClient, order: UUID, body: dict[str, Any] = TWO) -> httpx.Response:
    return await client.put(f"/reservations/{order}", json=body)


async def end(client: httpx.AsyncClient, order: UUID, how: str) -> httpx.Response:
    return await client.post(f"/reservations/{order}/{how}")


def is_reservation(response: httpx.Response, order: UUID, status: str, body: dict[str, Any] = TWO) -> None:
    assert response.status_code == 200, response.text
    lines = sorted(body["items"], key=lambda line: str(line["sku"]))
    assert response.json() == {"order_id": str(order), "status": status, "items": lines}


async def test_reserved_stock_is_not_available(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order = uuid4()
    is_reservation(await put(client, order), order, "reserved")
    books = await ledger.balance()
    assert books[MUG] == Account(available=FIRST[MUG] - 2, reserved=2, committed=0, delivered=0)
    assert books[LAMP] == Account(available=FIRST[LAMP] - 1, reserved=1, committed=0, delivered=0)
    shown = (await client.get(f"/inventory/{MUG}")).json()
    assert shown == {"sku": MUG, "available": FIRST[MUG] - 2, "reserved": 2}


async def test_the_same_request_finds_the_same_reservation(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order = uuid4()
    first = await put(client, order)
    again = await put(client, order, {"items": list(reversed(TWO["items"]))})
    assert (again.status_code, again.json()) == (200, first.json()), "the order of the lines is no difference"
    assert (await ledger.balance())[MUG].reserved == 2


@pytest.mark.parametrize(
    "other",
    [items(KIT_MUG_01=3, DSK_LMP_01=1), items(KIT_MUG_01=2), items(KIT_MUG_01=2, DSK_LMP_01=1, OUT_TNT_02=1)],
    ids=["quantity", "line less", "line more"],
)
@pytest.mark.parametrize("committed", [False, True])
async def test_other_items_for_the_same_order(
    client: httpx.AsyncClient, ledger: Ledger, other: dict[str, Any], committed: bool
) -> None:
    order = uuid4()
    await put(client, order)
    if committed:
        await end(client, order, "commit")
    before = await ledger.balance()
    is_problem(await put(client, order, other), 409, "reservation-differs")
    assert await ledger.balance() == before


async def test_not_enough_of_some_reserves_nothing(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order, before = uuid4(), await ledger.balance()
    wanted = items(KIT_PAN_28=4, KIT_MUG_01=1, KIT_KTL_01=1, KIT_KNF_21=25)
    document = is_problem(await put(client, order, wanted), 409, "out-of-stock")
    assert document["lines"] == [
        {"sku": KETTLE, "wanted": 1, "available": 0},
        {"sku": PAN, "wanted": 4, "available": 3},
    ]
    assert await ledger.balance() == before
    is_problem(await client.get(f"/reservations/{order}"), 404, "not-found")


async def test_all_that_is_left_can_be_reserved_and_then_none(client: httpx.AsyncClient, ledger: Ledger) -> None:
    is_reservation(await put(client, order := uuid4(), items(KIT_PAN_28=3)), order, "reserved", items(KIT_PAN_28=3))
    assert (await ledger.balance())[PAN] == Account(available=0, reserved=3, committed=0, delivered=0)
    (line,) = is_problem(await put(client, uuid4(), items(KIT_PAN_28=1)), 409, "out-of-stock")["lines"]
    assert line == {"sku": PAN, "wanted": 1, "available": 0}


async def test_order_that_was_refused_may_reserve_later(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order, wanted = uuid4(), items(KIT_KTL_01=1)
    is_problem(await put(client, order, wanted), 409, "out-of-stock")
    delivery = {"id": str(uuid4()), "sku": KETTLE, "quantity": 1}
    assert (await client.post("/deliveries", json=delivery)).status_code == 200
    is_reservation(await put(client, order, wanted), order, "reserved", wanted)


async def test_unknown_products_are_named_and_nothing_is_reserved(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order, before = uuid4(), await ledger.balance()
    wanted = items(KIT_MUG_01=1, NO_SUCH_2=1, NO_SUCH_1=1)
    document = is_problem(await put(client, order, wanted), 422, "unknown-product")
    assert document["lines"] == [{"sku": "NO-SUCH-1"}, {"sku": "NO-SUCH-2"}]
    assert await ledger.balance() == before
    is_problem(await client.get(f"/reservations/{order}"), 404, "not-found")


async def test_committed_stock_has_left(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order = uuid4()
    await put(client, order)
    for _ in range(3):
        is_reservation(await end(client, order, "commit"), order, "committed")
        assert (await ledger.balance())[MUG] == Account(FIRST[MUG] - 2, reserved=0, committed=2, delivered=0)
    is_reservation(await put(client, order), order, "committed")
    is_problem(await end(client, order, "release"), 409, "reservation-committed")
    assert (await ledger.balance())[MUG] == Account(FIRST[MUG] - 2, reserved=0, committed=2, delivered=0)


async def test_released_stock_is_available_again(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order, before = uuid4(), await ledger.balance()
    await put(client, order)
    for _ in range(3):
        is_reservation(await end(client, order, "release"), order, "released")
        assert await ledger.balance() == before
    is_problem(await put(client, order), 409, "reservation-released")
    is_problem(await end(client, order, "commit"), 409, "reservation-released")
    assert await ledger.balance() == before


async def test_release_before_the_request_to_reserve_keeps_it_out(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order, before = uuid4(), await ledger.balance()
    for _ in range(2):
        is_reservation(await end(client, order, "release"), order, "released", items())
    is_problem(await put(client, order), 409, "reservation-released")
    is_problem(await end(client, order, "commit"), 409, "reservation-released")
    is_reservation(await client.get(f"/reservations/{order}"), order, "released", items())
    assert await ledger.balance() == before


async def test_order_without_a_reservation(client: httpx.AsyncClient, ledger: Ledger) -> None:
    order = uuid4()
    for response in (await end(client, order, "commit"), await client.get(f"/reservations/{order}")):
        assert is_problem(response, 404, "not-found")["order_id"] == str(order)
    assert await ledger.statuses() == {}


@pytest.mark.parametrize(("how", "status"), [(None, "reserved"), ("commit", "committed"), ("release", "released")])
async def test_reservation_is_found(client: httpx.AsyncClient, ledger: Ledger, how: str | None, status: str) -> None:
    order = uuid4()
    await put(client, order)
    if how is not None:
        await end(client, order, how)
    path = f"/reservations/{order}"
    is_reservation(await client.get(path), order, status)
    assert ((await client.head(path)).status_code, (await client.head(path)).content) == (200, b"")


async def test_changes_are_counted(client: httpx.AsyncClient, service: Running, ledger: Ledger) -> None:
    samples = [
        f'inventory_changes_total{{change="{change}",outcome="{outcome}"}}'
        for change, outcome in (("reserve", "ok"), ("reserve", "out-of-stock"), ("commit", "ok"))
    ]
    before = [await service.metric(sample) for sample in samples]
    order = uuid4()
    await put(client, order)
    await put(client, uuid4(), items(KIT_KTL_01=1))
    await end(client, order, "commit")
    now = [await service.metric(sample) for sample in samples]
    assert [after - count for after, count in zip(now, before, strict=True)] == [1, 1, 1]
