"""From an event to its receipt, on a real broker."""

import asyncio
import random
from typing import Any

import pytest
from blueprint_testing import Running, eventually, running
from blueprint_testing.nats import Nats
from confirmed import DATA, new_event, new_order_id
from conftest import Settings
from disks import Disk
from nats.js import JetStreamContext

from app.confirmations import CONSUMER, STREAM
from app.main import create
from app.receipts import find_page
from app.schemas import Notification
from blueprint_kit.messages import Event


async def publish(jetstream: JetStreamContext, event: Event, again: str = "") -> None:
    """Publish an event; `again` makes it new to the stream, as when its window of duplicates is over."""
    await jetstream.publish(event.type, event.encode(), headers={"Nats-Msg-Id": f"{event.id}{again}"})


async def all_done(broker: Nats) -> None:
    async def holds() -> bool:
        return await broker.unacknowledged(STREAM, CONSUMER) == 0

    await eventually(holds, seconds=20)


async def dead_reasons(broker: Nats) -> list[str]:
    async with broker.jetstream() as jetstream:
        last = (await jetstream.stream_info("DEAD_LETTERS")).state.last_seq
        found = [await jetstream.get_msg("DEAD_LETTERS", number) for number in range(1, last + 1)]
    return [(message.headers or {})["Dead-Reason"] for message in found]


async def test_event_becomes_the_receipt_that_is_shown(service: Running, broker: Nats) -> None:
    event = new_event()
    async with broker.jetstream() as jetstream, service.client() as client:
        await publish(jetstream, event)
        await all_done(broker)
        shown = (await client.get("/notifications", params={"order_id": str(event.order_id)})).json()
    (item,) = shown["items"]
    assert item.pop("at") == event.at.isoformat().replace("+00:00", "Z")
    assert item == {
        "id": str(event.id),
        "order_id": str(event.order_id),
        "kind": "order_confirmed",
        **{name: DATA[name] for name in ("customer", "total", "items")},
    }


async def test_duplicates_in_any_order_make_one_receipt_for_each_order(service: Running, broker: Nats) -> None:
    events = [new_event() for _ in range(30)]
    written = 'notifications_receipts_total{outcome="written"}'
    before = await service.metric(written)
    sent = [(event, again) for event in events for again in ("", "-2", "-3")]
    random.Random(1).shuffle(sent)  # noqa: S311 - any order, the same in each run
    async with broker.jetstream() as jetstream, service.client() as client:
        for event, again in sent:
            await publish(jetstream, event, again)
        await all_done(broker)
        items = (await client.get("/notifications?size=100")).json()["items"]
    newest = sorted((str(event.order_id) for event in events), reverse=True)
    assert [item["order_id"] for item in items] == newest
    assert await service.metric(written) - before == 30
    assert await dead_reasons(broker) == []


async def test_second_event_of_an_order_changes_nothing(service: Running, broker: Nats) -> None:
    first = new_event()
    async with broker.jetstream() as jetstream, service.client() as client:
        for event in (first, new_event(first.order_id, customer="Bob")):
            await publish(jetstream, event)
            await all_done(broker)
        shown = (await client.get("/notifications")).json()
    assert [item["customer"] for item in shown["items"]] == ["Ada"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"customer": None}, "customer: Input should be a valid string"),
        ({"items": []}, "items: List should have at least 1 item"),
        ({"items": [{"sku": "A", "quantity": "2", "price": {"amount": "1", "currency": "EUR"}}]}, "items.0.quantity"),
        ({"total": {"amount": 25, "currency": "EUR"}}, "total.amount: Input should be a valid string"),
        ({"total": {"amount": "-25", "currency": "EUR"}}, "total.amount: String should match pattern"),
    ],
)
async def test_event_that_is_none_of_a_confirmed_order_goes_to_the_dead_letters(
    service: Running, broker: Nats, data: dict[str, Any], reason: str
) -> None:
    good = new_event()
    async with broker.jetstream() as jetstream, service.client() as client:
        await publish(jetstream, new_event(**data))
        await publish(jetstream, good)
        await all_done(broker)
        items = (await client.get("/notifications")).json()["items"]
    assert [item["order_id"] for item in items] == [str(good.order_id)]
    (said,) = await dead_reasons(broker)
    assert reason in said


async def test_on_a_full_disk_events_wait_and_readiness_is_off(settings: Settings, broker: Nats, disk: Disk) -> None:
    """It works, the disk is full, events wait and the service says so, there is room again, it works again."""
    made, events = settings(receipts_folder=disk.folder), [new_event() for _ in range(5)]
    async with running(create(made), made) as service, service.client() as client, broker.jetstream() as jetstream:
        await publish(jetstream, events[0])
        await all_done(broker)
        assert (await client.get("/readyz")).status_code == 200
        disk.fill()
        for event in events[1:]:
            await publish(jetstream, event)
        postponed = f'messages_consumed_total{{consumer="{CONSUMER}",outcome="postponed"}}'
        before = await service.metric(postponed)

        async def comes_again_and_again() -> bool:
            return await service.metric(postponed) >= before + 60  # more than the attempts of a failing one

        await eventually(comes_again_and_again, seconds=20)
        assert await broker.unacknowledged(STREAM, CONSUMER) == 4
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "No space left on device" in answer.json()["detail"]
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/notifications")).json()["total"] == 1, "what is there is shown"
        disk.empty()
        await all_done(broker)
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/notifications")).json()["total"] == 5
    assert await dead_reasons(broker) == []


async def test_on_a_read_only_disk_events_wait(settings: Settings, broker: Nats, disk: Disk) -> None:
    made = settings(receipts_folder=disk.folder)
    async with running(create(made), made) as service, service.client() as client, broker.jetstream() as jetstream:
        with disk.read_only():
            await publish(jetstream, new_event())
            await asyncio.sleep(0.5)
            assert await broker.unacknowledged(STREAM, CONSUMER) == 1
            assert "Read-only file system" in (await client.get("/readyz")).json()["detail"]
        await all_done(broker)
        assert (await client.get("/notifications")).json()["total"] == 1


async def test_broker_that_dies_and_comes_back(service: Running, broker: Nats) -> None:
    async with broker.jetstream() as jetstream, service.client() as client:
        await publish(jetstream, new_event())
        await all_done(broker)
        async with broker.killed():
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/notifications")).json()["total"] == 1
    async with broker.jetstream() as jetstream, service.client() as client:
        await publish(jetstream, new_event())
        await all_done(broker)
        assert (await client.get("/notifications")).json()["total"] == 2


async def test_two_services_share_the_folder_and_the_events(settings: Settings, broker: Nats) -> None:
    made, other = settings(), settings()
    events = [new_event(new_order_id()) for _ in range(60)]
    async with running(create(made), made) as one, running(create(other), other) as two:
        async with broker.jetstream() as jetstream:
            for event in events:
                await publish(jetstream, event)
                await publish(jetstream, event, "-again")
            await all_done(broker)
        async with one.client() as first, two.client() as second:
            pages = [(await client.get("/notifications?size=100")).json() for client in (first, second)]
    assert pages[0] == pages[1]
    assert pages[0]["total"] == 60
    kept = find_page(made.receipts_folder, 1, 100).receipts
    assert {receipt.order_id: receipt for receipt in kept} == {
        event.order_id: Notification.of(event) for event in events
    }


async def test_service_that_takes_no_events_any_more_is_not_alive(service: Running, broker: Nats) -> None:
    """Nothing that is known ends the work on events; if something does, only a new process mends it."""
    (task,) = [task for task in asyncio.all_tasks() if "Confirmations.consume" in repr(task.get_coro())]
    async with service.client() as client:
        assert (await client.get("/livez")).status_code == 200
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert "background: RuntimeError: ended" in (await client.get("/livez")).json()["detail"]
