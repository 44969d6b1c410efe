"""The broker: what is no event, what comes twice, and what comes late."""

import json
import uuid
from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually
from tests.cluster.shop import PLENTY, PYTHON, Shop, metric, pods_of

PUBLISH = """
import asyncio, json, sys
import nats

async def main() -> None:
    password = open('/run/secrets/nats/password').read().strip()
    login = {'user': 'orders', 'password': password, 'inbox_prefix': '_INBOX.orders'}
    client = await nats.connect('nats://nats.data:4222', connect_timeout=10, **login)
    stream = client.jetstream(timeout=10)
    for subject, body, identity in json.loads(sys.argv[1]):
        ack = await stream.publish(subject, body.encode(), headers={'Nats-Msg-Id': identity})
        print(json.dumps({'sequence': ack.seq, 'duplicate': bool(ack.duplicate)}))
    await client.close()

asyncio.run(main())
"""


def publish(kube: Kube, *messages: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Publishes subject, body and message id as the orders' own user, from one of their pods; gives the acks."""
    inside = ["exec", "--namespace", "shop", "deployment/orders", "--", PYTHON, "-c", PUBLISH]
    return [json.loads(line) for line in kube.run(*inside, json.dumps(messages)).splitlines()]


def dead_letters(kube: Kube) -> float:
    """How many messages of the saga went to the dead letters."""
    pods = [pod["metadata"]["name"] for pod in pods_of(kube, "shop", "orders")]
    return sum(
        metric(kube, "shop", pod, "messages_consumed_total", consumer="orders-saga", outcome="dead") for pod in pods
    )


def event(order_id: str, kind: str = "orders.placed") -> str:
    """An event of an order as the orders' outbox writes it."""
    return json.dumps(
        {
            "id": str(uuid.uuid4()),
            "type": kind,
            "at": "2026-01-01T00:00:00Z",
            "order_id": order_id,
            "request_id": None,
            "data": {},
        }
    )


@pytest.mark.concept("A8")
def test_a_poison_message_goes_to_the_dead_letters_and_holds_nothing_up(shop: Shop, kube: Kube) -> None:
    """What is no event is set aside with its reason; an order placed after it is confirmed."""
    before = dead_letters(kube)
    publish(kube, ("orders.placed", "this is no event", str(uuid.uuid4())))
    order = shop.final(shop.accepted([(PLENTY, 1)]))
    assert order["status"] == "confirmed"
    eventually("the dead letter is counted", lambda: dead_letters(kube) >= before + 1, seconds=60)


@pytest.mark.concept("A8")
def test_an_event_that_comes_twice_changes_nothing(shop: Shop, kube: Kube) -> None:
    """Within the window the broker drops the copy; under another id the saga finds the order done already."""
    sku = "DSK-LMP-01"
    identity = shop.accepted([(sku, 2)])
    done = shop.final(identity)
    stock = shop.stock(sku)
    body, first, second = event(identity), str(uuid.uuid4()), str(uuid.uuid4())
    acks = publish(
        kube, ("orders.placed", body, first), ("orders.placed", body, first), ("orders.placed", body, second)
    )
    assert [ack["duplicate"] for ack in acks] == [False, True, False]
    later = shop.final(shop.accepted([("KIT-MUG-02", 1)]))
    assert later["status"] == "confirmed"
    assert shop.order(identity) == done
    assert shop.stock(sku) == stock
    assert len(shop.notifications(identity)) <= 1
    eventually("one notification, no more", lambda: len(shop.notifications(identity)) == 1, seconds=60)


@pytest.mark.concept("A8")
def test_an_event_of_an_order_that_is_not_there_makes_none(shop: Shop, kube: Kube) -> None:
    """An event that came before its order, or after it is gone, changes nothing and ends in the dead letters."""
    unknown = str(uuid.uuid4())
    publish(kube, ("orders.placed", event(unknown), str(uuid.uuid4())))
    order = shop.final(shop.accepted([(PLENTY, 1)]))
    assert order["status"] == "confirmed"
    assert shop.http.get(f"{shop.url}/api/orders/{unknown}").status_code == 404
