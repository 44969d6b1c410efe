"""The lab, chapter 9: each of the twelve probes is made to fail, and does what its kind does."""

import copy
from typing import Any

import pytest

from tests.cluster.kube import Kube, ready
from tests.cluster.lab import (
    Object,
    container_status,
    endpoints,
    exhibit,
    place,
    pod_spec,
    restarts,
    settled,
    wait,
)
from tests.cluster.pods import inside, toolbox_pod
from tests.cluster.shop import pods_of

PROBED = "probed"
HOLD_SECONDS = 12
QUIET_SECONDS = 6
"""Twice as long as the liveness probe of a hurried copy takes to give up."""


def _each_way(concepts: dict[str, str]) -> pytest.MarkDecorator:
    ways = [pytest.param(how, marks=pytest.mark.concept(identity)) for how, identity in concepts.items()]
    return pytest.mark.parametrize("how", ways)


STARTS_AGAIN = {"command": "F1", "http": "F2", "tcp": "F3", "grpc": "F3"}
IS_TAKEN_OUT = {"command": "F4", "http": "F5", "tcp": "F6", "grpc": "F6"}


def _hurried(kube: Kube, how: str) -> Object:
    """The exhibit, asked each second: three failures in a row count."""
    workload = exhibit(kube, "deployment", f"probed-by-{how}")
    (container,) = pod_spec(workload)["containers"]
    for kind in ("livenessProbe", "readinessProbe"):
        container[kind] |= {"periodSeconds": 1, "failureThreshold": 3}
    return workload


def _place(kube: Kube, namespace: str, how: str, workload: Object) -> str:
    """Makes the exhibit with what it needs, and gives its name."""
    name = f"probed-by-{how}"
    place(kube, namespace, exhibit(kube, "configmap", "probe-scripts"), exhibit(kube, "service", name), workload)
    return name


def _the_pod(kube: Kube, namespace: str, name: str) -> Object:
    (pod,) = pods_of(kube, namespace, name)
    return pod


@_each_way(STARTS_AGAIN)
def test_a_failing_liveness_probe_restarts_the_container(kube: Kube, namespace: str, how: str) -> None:
    """What liveness asks about is removed: the container is started again in the same pod, and is ready again."""
    name = _place(kube, namespace, how, _hurried(kube, how))
    (before,) = settled(kube, namespace, name, 1)
    assert restarts(before, PROBED) == 0
    inside(kube, namespace, before["metadata"]["name"], "rm", "/state/alive")
    wait(
        kube,
        namespace,
        "the container is started again",
        lambda: restarts(_the_pod(kube, namespace, name), PROBED) == 1,
    )
    wait(kube, namespace, "the pod is ready again", lambda: ready(_the_pod(kube, namespace, name)))
    after = _the_pod(kube, namespace, name)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


@_each_way(IS_TAKEN_OUT)
def test_a_failing_readiness_probe_takes_the_pod_out_of_its_service(kube: Kube, namespace: str, how: str) -> None:
    """What readiness asks about is removed: the pod leaves the Service; it comes back: so does the pod. No restart."""
    name = _place(kube, namespace, how, _hurried(kube, how))
    (found,) = settled(kube, namespace, name, 1)
    pod = found["metadata"]["name"]
    wait(kube, namespace, "the pod is in its Service", lambda: endpoints(kube, namespace, name) == {pod})
    inside(kube, namespace, pod, "rm", "/state/ready")
    wait(kube, namespace, "the pod is taken out", lambda: not endpoints(kube, namespace, name))
    assert not ready(_the_pod(kube, namespace, name))
    inside(kube, namespace, pod, "touch", "/state/ready")
    wait(kube, namespace, "the pod is back", lambda: endpoints(kube, namespace, name) == {pod})
    assert restarts(_the_pod(kube, namespace, name), PROBED) == 0


@_each_way(STARTS_AGAIN)
def test_a_startup_probe_holds_the_others_off_and_gives_up_at_its_limit(
    kube: Kube, namespace: str, how: str, outputs: dict[str, Any]
) -> None:
    """A start that hangs: liveness would have ended it long ago, the startup probe does at its limit."""
    held = _held_at_its_start(_hurried(kube, how), str(outputs["images"]["toolbox"]))
    name = _place(kube, namespace, how, held)
    wait(kube, namespace, "the container runs", lambda: _runs(kube, namespace, name))
    pod = _the_pod(kube, namespace, name)["metadata"]["name"]
    quiet = wait(kube, namespace, "the startup probe gives up", lambda: _was_restarted(kube, namespace, name))
    assert quiet > QUIET_SECONDS, "something else ended the container before the startup probe did"
    inside(kube, namespace, pod, "rm", "/state/hold")
    wait(kube, namespace, "the pod is ready", lambda: ready(_the_pod(kube, namespace, name)))
    assert container_status(_the_pod(kube, namespace, name), PROBED)["started"] is True


def _held_at_its_start(workload: Object, image: str) -> Object:
    """The workload with the file that keeps its start from coming to an end, and with a limit for the start."""
    held = copy.deepcopy(workload)
    spec = pod_spec(held)
    spec["containers"][0]["startupProbe"]["failureThreshold"] = HOLD_SECONDS
    (holder,) = toolbox_pod("holder", image, ["touch", "/state/hold"])["spec"]["containers"]
    holder |= {"name": "holder", "volumeMounts": [{"name": "state", "mountPath": "/state"}]}
    spec["initContainers"] = [holder]
    return held


def _runs(kube: Kube, namespace: str, name: str) -> bool:
    return any("running" in container_status(pod, PROBED).get("state", {}) for pod in pods_of(kube, namespace, name))


def _was_restarted(kube: Kube, namespace: str, name: str) -> bool:
    """Whether the container was started again; until then neither of its probes may have been asked."""
    pod = _the_pod(kube, namespace, name)
    if restarts(pod, PROBED):
        return True
    assert container_status(pod, PROBED)["started"] is False
    assert not ready(pod)
    return False
