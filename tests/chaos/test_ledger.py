"""Orders, while one after the other of everything that they need is killed."""

from collections.abc import Callable

import pytest

from tests.chaos.ledger import balance, stock
from tests.chaos.orders_load import Orders, orders_load
from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.nodes import kill_container, start_node, stop_node
from tests.cluster.shop import Shop, pods_of, query, restarts

pytestmark = pytest.mark.serial

ACCEPTED = (600, pytest.param(2000, marks=pytest.mark.thorough))
BETWEEN = 60
"""Orders accepted after a fault, before the next: the shop works again."""
FAULT_SECONDS = 240
WAKES_SECONDS = 300
"""All pods of the node start at once: on 2 cores the shop's took up to 276 s."""
LOAD_SECONDS = 900
SETTLE_SECONDS = 240
KILLED = (
    *(("shop", name) for name in ("orders", "payments", "inventory", "notifications")),
    *(("data", name) for name in ("nats", "valkey", "postgres")),
)


@pytest.mark.concept("A5", "A8", "B4")
@pytest.mark.parametrize("accepted", ACCEPTED)
def test_no_accepted_order_is_lost_or_done_twice_whatever_is_killed(
    shop: Shop, kube: Kube, capsys: pytest.CaptureFixture[str], accepted: int
) -> None:
    """SIGKILL of every service's and store's pods and of a worker, under a load of orders: the ledger adds up."""
    eventually("no order is under way", lambda: _under_way(kube) == 0, seconds=SETTLE_SECONDS)
    before = stock(kube)
    with orders_load(shop.url) as seen:
        eventually("orders are accepted", lambda: len(seen.accepted) > BETWEEN, seconds=60)
        for namespace, name in KILLED:
            _fault(seen, f"{name} killed", lambda n=namespace, s=name: _kill(kube, n, s), capsys)  # type: ignore[misc]
        _fault(seen, "a worker stopped and started", lambda: _stop_worker(kube), capsys)
        eventually(
            f"{accepted} orders are accepted",
            lambda: len(seen.accepted) >= accepted,
            seconds=LOAD_SECONDS,
            diagnose=lambda: f"{len(seen.accepted)} accepted, repeated: {dict(seen.repeated)}",
        )
    assert seen.unanswered == []
    assert seen.refused == []
    eventually(
        "every order is in a final state and every event is published",
        lambda: _under_way(kube) == 0,
        seconds=SETTLE_SECONDS,
        diagnose=lambda: str(query(kube, "orders", "select status, count(*) from orders group by status")),
    )
    eventually(
        "the ledger adds up", lambda: not balance(kube, seen, before).faults(), seconds=60,
        diagnose=lambda: "\n".join([*balance(kube, seen, before).lines(), *balance(kube, seen, before).faults()]),
    )  # fmt: skip
    with capsys.disabled():
        print(
            "\n" + "\n".join([*balance(kube, seen, before).lines(), f"asked again, by reason: {dict(seen.repeated)}"])
        )


def _fault(seen: Orders, what: str, apply: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    """Applies a fault, and waits until the shop accepts orders again."""
    accepted = len(seen.accepted)
    apply()
    seconds = eventually(
        f"{BETWEEN} orders are accepted after: {what}",
        lambda: len(seen.accepted) >= accepted + BETWEEN,
        seconds=FAULT_SECONDS,
        diagnose=lambda: f"repeated: {dict(seen.repeated)}",
    )
    with capsys.disabled():
        print(f"\n{what}: {BETWEEN} orders later after {seconds:.0f} s", end="")


def _kill(kube: Kube, namespace: str, name: str) -> None:
    """SIGKILL to the container of every pod, once all run; returns when all run again."""
    eventually(
        f"all pods of {name} run",
        lambda: all(ready(pod) for pod in pods_of(kube, namespace, name)),
        seconds=FAULT_SECONDS,
        diagnose=lambda: kube.diagnostics(namespace),
    )
    before = pods_of(kube, namespace, name)
    assert before
    earlier = {pod["metadata"]["name"]: restarts(pod) for pod in before}
    for pod in before:
        kill_container(pod)

    def again() -> bool:
        found = pods_of(kube, namespace, name)
        return all(ready(pod) and restarts(pod) > earlier.get(pod["metadata"]["name"], -1) for pod in found) and len(
            found
        ) == len(before)

    eventually(
        f"all pods of {name} run again", again, seconds=FAULT_SECONDS, diagnose=lambda: kube.diagnostics(namespace)
    )


def _stop_worker(kube: Kube) -> None:
    """Stops the worker that PostgreSQL is not on, until the control plane notices; then starts it, and what it ran.

    Orders are accepted before all of that runs again, but no receipt can be counted where nobody keeps them.
    """
    away = pods_of(kube, "data", "postgres")[0]["spec"]["nodeName"]
    workers = kube.items("nodes", "--selector", "!node-role.kubernetes.io/control-plane")
    node = next(found["metadata"]["name"] for found in workers if found["metadata"]["name"] != away)
    stop_node(node)
    try:
        eventually("the node is not ready", lambda: not ready(kube.get("node", node)), seconds=120)
    finally:
        start_node(node)
    eventually("the node is ready again", lambda: ready(kube.get("node", node)), seconds=180)
    eventually(
        f"what ran on {node} runs again",
        lambda: not _asleep(kube, node),
        seconds=WAKES_SECONDS,
        diagnose=lambda: str(_asleep(kube, node)),
    )


def _asleep(kube: Kube, node: str) -> list[str]:
    """The pods of services and stores that are not ready on the node."""
    pods = [pod for namespace, name in KILLED for pod in pods_of(kube, namespace, name)]
    return [pod["metadata"]["name"] for pod in pods if pod["spec"].get("nodeName") == node and not ready(pod)]


def _under_way(kube: Kube) -> int:
    """Orders that are not in a final state, and events that are not published."""
    final = "('confirmed', 'rejected', 'payment_failed')"
    orders = query(kube, "orders", f"select count(*) from orders where status not in {final}")  # noqa: S608
    events = query(kube, "orders", "select count(*) from outbox")
    return int(orders[0]) + int(events[0])
