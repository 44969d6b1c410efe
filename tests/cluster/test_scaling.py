"""More pods: by hand, and by load; requests spread over all of them."""

import threading
from typing import Any

import httpx
import pytest

from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.shop import Shop, metric, pods_of, rolled_out

pytestmark = pytest.mark.serial

CLIENTS = 12
SPREAD_SECONDS = 180
GROW_SECONDS = 300
SHRINK_SECONDS = 300


@pytest.mark.concept("B2", "B3")
def test_requests_spread_over_all_replicas_and_more_replicas_share_them(shop: Shop, kube: Kube) -> None:
    """Payments is scaled from 2 to 3 by hand: every pod, the new one too, answers some of the orders' calls."""
    kube.run("scale", "deployment/payments", "--namespace", "shop", "--replicas=3")
    try:
        rolled_out(kube, "shop", "payments")
        pods = [pod["metadata"]["name"] for pod in pods_of(kube, "shop", "payments")]
        assert len(pods) == 3
        before = {pod: _answered(kube, pod) for pod in pods}

        def shares() -> dict[str, float]:
            return {pod: _answered(kube, pod) - before[pod] for pod in pods}

        def ordered_and_shared() -> bool:
            """Connections are kept for a while, so the new pod's share comes with the next ones."""
            for order in [shop.accepted([("KIT-POT-03", 1)]) for _ in range(10)]:
                shop.final(order)
            return all(share > 0 for share in shares().values())

        eventually(
            "every pod has answered some calls",
            ordered_and_shared,
            seconds=SPREAD_SECONDS,
            diagnose=lambda: str(shares()),
        )
    finally:
        kube.run("scale", "deployment/payments", "--namespace", "shop", "--replicas=2")
        rolled_out(kube, "shop", "payments")


def _answered(kube: Kube, pod: str) -> float:
    return metric(kube, "shop", pod, "http_requests_total", method="PUT", status="200")


@pytest.mark.concept("B3")
def test_the_gateway_grows_under_load_and_shrinks_after(shop: Shop, kube: Kube) -> None:
    """The HorizontalPodAutoscaler adds gateway pods while CPU is above its target, and takes them away after."""
    least = _autoscaler(kube)["spec"]["minReplicas"]
    ended = threading.Event()
    threads = [threading.Thread(target=_read, args=(shop.url, ended), daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        eventually(
            "the autoscaler has added a pod that serves",
            lambda: len([pod for pod in pods_of(kube, "edge", "gateway") if ready(pod)]) > least,
            seconds=GROW_SECONDS,
            diagnose=lambda: str(_autoscaler(kube)["status"]),
        )
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=20)
    eventually(
        "the autoscaler has taken the pods away",
        lambda: len(pods_of(kube, "edge", "gateway")) == least,
        seconds=SHRINK_SECONDS,
        diagnose=lambda: str(_autoscaler(kube)["status"]),
    )


def _autoscaler(kube: Kube) -> dict[str, Any]:
    return kube.get("hpa", "gateway", "--namespace", "edge")


def _read(url: str, ended: threading.Event) -> None:
    with httpx.Client(timeout=15) as http:
        while not ended.is_set():
            http.get(f"{url}/api/products", params={"size": 50})
