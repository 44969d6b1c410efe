"""Nobody outside notices: every service rolled, a container killed, a node drained, all under load."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.kube import Kube, Load, eventually, ready, steady_load
from tests.cluster.nodes import kill_container
from tests.cluster.shop import Shop, pods_of, query, restarts, rolled_out

pytestmark = pytest.mark.serial

ROLLED = (
    *(("edge", name) for name in ("gateway", "web")),
    *(("shop", name) for name in ("catalog", "inventory", "orders", "payments", "notifications")),
)

FIRST_OF_ALL = (("edge", "gateway"), ("shop", "orders"))
"""The one that every request passes, and one that asks others; `make thorough` rolls them all."""


@contextmanager
def load_on(*urls: str) -> Iterator[list[Load]]:
    """A steady load on each of the URLs; after the body no request may have failed."""
    if not urls:
        yield []
        return
    with steady_load(urls[0], clients=2) as load, load_on(*urls[1:]) as others:
        eventually(f"the load on {urls[0]} runs", lambda: load.answered > 20, seconds=30)
        yield [load, *others]
        seen = load.answered
        eventually(f"the load on {urls[0]} goes on", lambda: load.answered > seen + 20, seconds=30)
    assert load.failures == [], f"{urls[0]}: {len(load.failures)} of {load.answered} failed: {load.failures[:5]}"


@pytest.mark.concept("G1", "A1")
@pytest.mark.parametrize(
    ("namespace", "name"),
    [pytest.param(*one, marks=() if one in FIRST_OF_ALL else pytest.mark.thorough) for one in ROLLED],
)
def test_a_service_is_rolled_under_load_and_no_request_fails(shop: Shop, kube: Kube, namespace: str, name: str) -> None:
    """All pods of one service are replaced under load on every path: 0 failed requests, no other pod restarts."""
    order = shop.accepted([("KIT-TOW-03", 2)])
    shop.final(order)
    paths = ("/api/products?size=5", "/api/inventory/KIT-MUG-01", f"/api/orders/{order}", "/api/notifications", "/")
    others = {one: _restarts(kube, *one) for one in ROLLED if one != (namespace, name)}
    before = {pod["metadata"]["uid"] for pod in pods_of(kube, namespace, name)}
    with load_on(*(f"{shop.url}{path}" for path in paths)):
        kube.run("rollout", "restart", f"deployment/{name}", "--namespace", namespace)
        rolled_out(kube, namespace, name)
    assert not before & {pod["metadata"]["uid"] for pod in pods_of(kube, namespace, name)}
    assert {one: _restarts(kube, *one) for one in others} == others


def _restarts(kube: Kube, namespace: str, name: str) -> int:
    return sum(restarts(pod) for pod in pods_of(kube, namespace, name))


@pytest.mark.concept("B4", "J8")
def test_a_killed_container_is_started_again_with_its_address_and_no_request_fails(shop: Shop, kube: Kube) -> None:
    """The kubelet starts a catalog container that was killed again; its pod keeps its IP; 0 failed requests."""
    pod = pods_of(kube, "shop", "catalog")[0]
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    before = restarts(pod)

    def again() -> bool:
        found = kube.get("pod", name, "--namespace", "shop")
        return ready(found) and restarts(found) > before

    with load_on(f"{shop.url}/api/products?size=5"):
        kill_container(pod)
        eventually("the container runs again", again, seconds=90, diagnose=lambda: kube.diagnostics("shop"))
    assert kube.get("pod", name, "--namespace", "shop")["status"]["podIP"] == address


@pytest.mark.concept("F11", "B4")
def test_a_node_is_drained_under_load_and_no_request_fails(shop: Shop, kube: Kube) -> None:
    """Every pod of the shop leaves a worker, within what the disruption budgets allow: 0 failed requests."""
    node = next(
        pod["spec"]["nodeName"]
        for pod in pods_of(kube, "shop", "catalog")
        if pod["spec"]["nodeName"] != pods_of(kube, "data", "postgres")[0]["spec"]["nodeName"]
    )
    try:
        with load_on(f"{shop.url}/api/products?size=5", f"{shop.url}/api/inventory/KIT-MUG-01"):
            kube.run(
                *("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"),
                *("--pod-selector", "app.kubernetes.io/component=service"),
                seconds=260,
            )
            assert not [
                pod["metadata"]["name"]
                for namespace, name in ROLLED
                for pod in pods_of(kube, namespace, name)
                if pod["spec"].get("nodeName") == node
            ]
    finally:
        kube.run("uncordon", node)
    for namespace, name in ROLLED:
        rolled_out(kube, namespace, name)
    assert query(kube, "orders", "select 1") == ["1"]
