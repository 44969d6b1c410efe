"""More pods because of more requests: the metrics adapter, and the autoscaler that asks it."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually, ready, steady_load
from tests.cluster.shop import Shop, pods_of

pytestmark = [pytest.mark.usefixtures("observability"), pytest.mark.serial]

METRIC = "http_requests_per_second"
API = "/apis/custom.metrics.k8s.io/v1beta2"
RATE_SECONDS = 60
"""The rate is over the last minute."""
GROW_SECONDS = 240
SHRINK_SECONDS = 300
NEVER_PER_CENT = 100_000


def per_pod(kube: Kube, namespace: str, service: str) -> dict[str, float]:
    """Requests per second of each pod of a service, by the API that the autoscaler asks."""
    path = f"{API}/namespaces/{namespace}/pods/*/{METRIC}?labelSelector=app.kubernetes.io%2Fname%3D{service}"
    items = json.loads(kube.run("get", "--raw", path))["items"]
    return {one["describedObject"]["name"]: quantity(one["value"]) for one in items}


def quantity(text: str) -> float:
    """A Kubernetes quantity of such a metric: `20`, `350m` or `1k`."""
    scale = {"m": 0.001, "k": 1000.0}.get(text[-1:])
    return float(text) if scale is None else float(text[:-1]) * scale


def autoscaler(kube: Kube) -> dict[str, Any]:
    """The gateway's."""
    return kube.get("hpa", "gateway", "--namespace", "edge")


@pytest.fixture
def by_requests_alone(kube: Kube) -> Iterator[dict[str, Any]]:
    """The gateway's autoscaler, whose target of CPU no load reaches."""
    before = autoscaler(kube)
    metrics = json.loads(json.dumps(before["spec"]["metrics"]))
    (cpu,) = [one for one in metrics if one["type"] == "Resource"]
    cpu["resource"]["target"]["averageUtilization"] = NEVER_PER_CENT
    _patch(kube, metrics)
    try:
        yield before
    finally:
        _patch(kube, before["spec"]["metrics"])


def _patch(kube: Kube, metrics: list[dict[str, Any]]) -> None:
    change = json.dumps({"spec": {"metrics": metrics}})
    kube.run("patch", "hpa", "gateway", "--namespace", "edge", "--type=merge", "--patch", change)


@pytest.mark.concept("B3")
def test_the_api_server_checks_the_adapter_s_certificate(kube: Kube) -> None:
    """The API is available by the stack's authority, and nothing is skipped."""
    found = kube.get("apiservice", "v1beta2.custom.metrics.k8s.io")
    assert "insecureSkipTLSVerify" not in found["spec"]
    assert found["spec"]["caBundle"]
    available = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert available["Available"] == "True", found["status"]


@pytest.mark.concept("B3", "H6")
def test_the_autoscaler_is_told_what_each_pod_answers(shop: Shop, kube: Kube) -> None:
    """Under a steady load the pods' rates add up to the load's own; every pod has one, also one without a request."""
    with steady_load(f"{shop.url}/api/products?size=1", clients=2, pause=0.1) as load:
        time.sleep(RATE_SECONDS + 30)  # what is a minute old is all of this load, and is scraped
        answered, began = load.answered, time.monotonic()
        time.sleep(20)
        told = per_pod(kube, "edge", "gateway")
        rate = (load.answered - answered) / (time.monotonic() - began)
    assert load.failures == []
    assert told.keys() >= {pod["metadata"]["name"] for pod in pods_of(kube, "edge", "gateway") if ready(pod)}
    assert sum(told.values()) == pytest.approx(rate, rel=0.4), told


@pytest.mark.concept("B3")
def test_the_gateway_grows_by_its_requests_and_shrinks_after(
    shop: Shop, kube: Kube, by_requests_alone: dict[str, Any]
) -> None:
    """With a target of CPU that nothing reaches, requests per second alone add pods, and their end takes them away."""
    least = by_requests_alone["spec"]["minReplicas"]
    with steady_load(f"{shop.url}/api/products?size=1", clients=12, pause=0.01):
        eventually(
            "requests have added a pod that serves",
            lambda: len([pod for pod in pods_of(kube, "edge", "gateway") if ready(pod)]) > least,
            seconds=GROW_SECONDS,
            diagnose=lambda: f"{autoscaler(kube)['status']}\n{per_pod(kube, 'edge', 'gateway')}",
        )
        reasons = {one["type"]: one for one in autoscaler(kube)["status"]["conditions"]}
        assert METRIC in reasons["ScalingActive"]["message"], reasons
    eventually(
        "the pods are taken away",
        lambda: len(pods_of(kube, "edge", "gateway")) == least,
        seconds=SHRINK_SECONDS,
        diagnose=lambda: str(autoscaler(kube)["status"]),
    )


@pytest.mark.concept("B3")
def test_without_the_adapter_requests_are_unknown_and_no_pod_is_taken_away(kube: Kube) -> None:
    """The adapter is taken away: the autoscaler says so and keeps the pods; the adapter is back: it scales again."""
    replicas = len(pods_of(kube, "edge", "gateway"))
    kube.run("scale", "deployment/metrics-adapter", "--namespace", "observability", "--replicas=0")
    try:
        eventually(
            "the autoscaler misses the metric",
            lambda: (
                METRIC not in str(autoscaler(kube)["status"].get("currentMetrics"))
                or "FailedGetPodsMetric" in kube.run("describe", "hpa", "gateway", "--namespace", "edge")
            ),
            seconds=120,
        )
        assert len(pods_of(kube, "edge", "gateway")) >= replicas
    finally:
        kube.run("scale", "deployment/metrics-adapter", "--namespace", "observability", "--replicas=1")
    eventually("the metric is back", lambda: bool(per_pod_or_nothing(kube)), seconds=120)


def per_pod_or_nothing(kube: Kube) -> dict[str, float]:
    """As `per_pod`, and nothing while the API does not answer."""
    path = f"{API}/namespaces/edge/pods/*/{METRIC}?labelSelector=app.kubernetes.io%2Fname%3Dgateway"
    done = kube.attempt("get", "--raw", path)
    return {} if done.returncode else per_pod(kube, "edge", "gateway")
