"""Orders from the gateway to their end: what happens to the stock, the payment, the notification and the report."""

import json
import uuid

import pytest

from tests.cluster.kube import Kube, eventually
from tests.cluster.shop import DECLINED, PLENTY, PYTHON, SCARCE, Shop, job_from, query

NO_SUCH = "NO-SUCH-SKU"


@pytest.mark.concept("A8", "B1")
def test_an_order_is_confirmed_and_counted_once(shop: Shop, kube: Kube) -> None:
    """Confirmed by way of every state; the stock falls by the quantity; one notification; the report counts it."""
    sku, quantity = "KIT-BRD-01", 3
    before = shop.stock(sku)
    order = shop.final(shop.accepted([(sku, quantity)]))
    assert [step["status"] for step in order["history"]] == ["pending", "reserved", "paid", "confirmed"]
    assert shop.stock(sku) == (before[0] - quantity, before[1])
    eventually("its notification is there", lambda: len(shop.notifications(order["id"])) > 0, seconds=60)
    (notification,) = shop.notifications(order["id"])
    assert (notification["order_id"], notification["kind"]) == (order["id"], "order_confirmed")
    for _ in range(2):  # a report that runs again counts nothing twice
        least = _confirmed(kube)
        reported = _reported(kube)
        assert least <= reported <= _confirmed(kube)


def _confirmed(kube: Kube) -> int:
    """How many orders the orders' database has as confirmed."""
    return int(query(kube, "orders", "select count(*) from orders where status = 'confirmed'")[0])


def _reported(kube: Kube) -> int:
    """How many orders all days of the report's log have together."""
    lines = [json.loads(line) for line in job_from(kube, "shop", "report").splitlines() if line.startswith("{")]
    return sum(int(line["orders"]) for line in lines if line.get("event") == "sales")


def test_a_declined_payment_releases_the_stock(shop: Shop) -> None:
    """An amount that ends in .13 is declined; what was reserved is available again; nobody is notified."""
    before = shop.stock(DECLINED)
    order = shop.final(shop.accepted([(DECLINED, 1)]))
    assert order["total"]["amount"].endswith(".13")
    assert [step["status"] for step in order["history"]] == ["pending", "reserved", "payment_failed"]
    eventually("the stock is as before", lambda: shop.stock(DECLINED) == before, seconds=30)
    assert shop.notifications(order["id"]) == []


def test_an_order_of_more_than_there_is_is_rejected(shop: Shop) -> None:
    """Of a product that is sold out nothing is reserved, and of the other line neither."""
    before = shop.stock(PLENTY), shop.stock(SCARCE)
    order = shop.final(shop.accepted([(SCARCE, 1), ("KIT-MUG-02", 1)]))
    assert [step["status"] for step in order["history"]] == ["pending", "rejected"]
    assert order["reason"]
    assert shop.stock(SCARCE) == before[1] == (0, 0)


def test_a_replayed_key_gets_the_same_answer_and_makes_no_second_order(shop: Shop, kube: Kube) -> None:
    """The same key and body: the same order. The same key and another body: refused."""
    key = str(uuid.uuid4())
    first = shop.place([("KIT-PAN-20", 2)], key=key)
    again = shop.place([("KIT-PAN-20", 2)], key=key)
    other = shop.place([("KIT-PAN-20", 1)], key=key)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["type"].endswith(":idempotency-key-reused")
    made = query(kube, "orders", f"select count(*) from orders where id = '{first.json()['id']}'")  # noqa: S608
    assert made == ["1"]


ITEM = {"sku": PLENTY, "quantity": 1}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"customer": "a", "items": [', 422),
        (json.dumps({"customer": "a", "items": [ITEM], "discount": 1}).encode(), 422),
        (json.dumps({"customer": "a", "items": [{**ITEM, "quantity": -1}]}).encode(), 422),
        (json.dumps({"customer": "a", "items": [{**ITEM, "quantity": 10**12}]}).encode(), 422),
        (json.dumps({"customer": "a", "items": [{**ITEM, "sku": NO_SUCH}]}).encode(), 422),
        (json.dumps({"customer": "a", "items": []}).encode(), 422),
        (b'{"customer": "' + b"a" * 1_100_000 + b'"}', 413),
    ],
    ids=["malformed", "unknown field", "negative", "huge", "unknown SKU", "nothing ordered", "too large"],
)
def test_bad_orders_are_refused_by_problem_documents(shop: Shop, content: bytes, status: int) -> None:
    """Each kind of bad input gets a problem document that says what is wrong, and makes no order."""
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Content-Type": "application/json"}
    answer = shop.http.post(f"{shop.url}/api/orders", content=content, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        ({"Content-Type": "text/plain"}, {415, 422}),
        ({"Content-Type": "application/json", "Idempotency-Key": ""}, {400}),
    ],
    ids=["wrong content type", "no idempotency key"],
)
def test_bad_headers_of_an_order_are_refused(shop: Shop, headers: dict[str, str], statuses: set[int]) -> None:
    """A body of another type, and an order without its key, are refused by problem documents."""
    given = {"Idempotency-Key": str(uuid.uuid4())} | headers
    body = json.dumps({"customer": "a", "items": [ITEM]})
    answer = shop.http.post(f"{shop.url}/api/orders", content=body, headers=given)
    assert answer.status_code in statuses, answer.text[:300]
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_one_request_id_is_in_the_logs_of_every_service_on_the_path(shop: Shop, kube: Kube) -> None:
    """The id of the request that placed an order is found in all six services, over HTTP and over the broker."""
    request_id = f"live-order-{uuid.uuid4().hex[:8]}"
    identity = shop.accepted([(PLENTY, 1)], request_id=request_id)
    shop.final(identity)
    eventually("its notification is there", lambda: len(shop.notifications(identity)) > 0, seconds=60)
    for namespace, name in (
        ("edge", "gateway"),
        *(("shop", name) for name in ("catalog", "orders", "inventory", "payments", "notifications")),
    ):
        selector = f"app.kubernetes.io/name={name},app.kubernetes.io/component=service"
        lines = kube.run("logs", "--namespace", namespace, "--selector", selector, "--tail=-1", "--since=120s")
        assert request_id in lines, f"{namespace}/{name}"


@pytest.mark.concept("A2")
def test_a_service_cannot_log_in_to_the_database_of_another(kube: Kube) -> None:
    """With its own password the catalog gets into its own database, and is refused at that of the orders."""
    program = (
        "import asyncio, asyncpg, sys\n"
        "password = open('/run/secrets/postgres/password').read().strip()\n"
        "connecting = asyncpg.connect(host='postgres.data', user='catalog', password=password, database=sys.argv[1])\n"
        "asyncio.run(asyncio.wait_for(connecting, 10))\n"
    )
    inside = ["exec", "--namespace", "shop", "deployment/catalog", "--", PYTHON, "-c", program]
    assert kube.attempt(*inside, "catalog").returncode == 0
    refused = kube.attempt(*inside, "orders")
    assert refused.returncode != 0
    assert "permission denied for database" in refused.stderr
