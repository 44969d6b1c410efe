"""The lab, chapter 7: the scheduler puts pods where their specs say, on the real nodes."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import (
    Object,
    exhibit,
    pinned,
    place,
    pod_spec,
    ready_pods,
    settled,
    unschedulable,
    wait,
    worker_names,
)
from tests.cluster.pods import idle_command, start, toolbox_pod
from tests.cluster.shop import pods_of

SLOT = "blueprint.lab/slot"
NOT_ELIGIBLE = "preemptionPolicy=Never"
"""The scheduler on a pod that would have to evict another one, and may not."""
"""A resource that only this test's pods ask for, so they crowd out nobody else."""
TAINT = "blueprint/reserved"


@pytest.fixture
def image(outputs: dict[str, Any]) -> str:
    """The toolbox image."""
    return str(outputs["images"]["toolbox"])


@pytest.fixture
def workers(kube: Kube) -> list[str]:
    """The worker nodes; two at least."""
    found = worker_names(kube)
    assert len(found) >= 2, found
    return found


def _nodes(pods: list[Object]) -> list[str]:
    return [pod["spec"]["nodeName"] for pod in pods]


@pytest.mark.concept("D3")
def test_affinity_keeps_a_pod_beside_another(kube: Kube, namespace: str, workers: list[str]) -> None:
    """Wherever `leader` is put, `follower` is put too; and until there is a leader, it waits."""
    leader, follower = exhibit(kube, "deployment", "leader"), exhibit(kube, "deployment", "follower")
    place(kube, namespace, follower)
    wait(kube, namespace, "the follower waits", lambda: "affinity" in _why_pending(kube, namespace, "follower"))
    for node in workers[:2]:
        place(kube, namespace, pinned(leader, node))
        is_there = partial(_are_on, kube, namespace, "leader", node)
        wait(kube, namespace, f"the leader is on {node} alone", is_there)
        kube.run("delete", "pod", "--namespace", namespace, "--selector", "app.kubernetes.io/name=follower")
        assert _nodes(settled(kube, namespace, "follower", 1)) == [node]


def _are_on(kube: Kube, namespace: str, name: str, node: str) -> bool:
    """Whether the one pod of this name, those that still stop included, is ready on the node."""
    pods = kube.items("pods", "--namespace", namespace, "--selector", f"app.kubernetes.io/name={name}")
    return len(pods) == 1 and _nodes(ready_pods(kube, namespace, name)) == [node]


def _why_pending(kube: Kube, namespace: str, name: str) -> str:
    return " ".join(unschedulable(pod) for pod in pods_of(kube, namespace, name))


@pytest.mark.concept("D3")
def test_anti_affinity_keeps_pods_apart(kube: Kube, namespace: str, workers: list[str]) -> None:
    """One pod more than there are workers: each worker has one, and the last one waits."""
    apart = exhibit(kube, "deployment", "apart")
    apart["spec"]["replicas"] = len(workers) + 1
    place(kube, namespace, apart)
    wait(kube, namespace, "all but one run", lambda: len(ready_pods(kube, namespace, "apart")) == len(workers))
    assert sorted(_nodes(ready_pods(kube, namespace, "apart"))) == sorted(workers)
    wait(kube, namespace, "one waits", lambda: "anti-affinity" in _why_pending(kube, namespace, "apart"))


@pytest.mark.concept("D3")
def test_pods_are_spread_evenly_over_the_workers(kube: Kube, namespace: str, workers: list[str]) -> None:
    """Each worker gets as many, though all pods would rather be on the first."""
    even = exhibit(kube, "deployment", "even")
    even["spec"]["replicas"] = 2 * len(workers)
    hosts = {"key": "kubernetes.io/hostname", "operator": "In", "values": workers[:1]}
    preference = {"weight": 100, "preference": {"matchExpressions": [hosts]}}
    affinity = {"preferredDuringSchedulingIgnoredDuringExecution": [preference]}
    pod_spec(even)["affinity"] = {"nodeAffinity": affinity}
    place(kube, namespace, even)
    found = Counter(_nodes(settled(kube, namespace, "even", 2 * len(workers))))
    assert found == dict.fromkeys(workers, 2)


@pytest.mark.serial
@pytest.mark.concept("D3")
def test_a_taint_repels_and_a_toleration_admits(kube: Kube, namespace: str, image: str, workers: list[str]) -> None:
    """On a tainted node the tolerant pod runs and the other one waits; once the taint is gone, it runs too."""
    node = workers[-1]
    kube.run("taint", "node", node, f"{TAINT}=lab:NoSchedule", "--overwrite")
    try:
        plain = toolbox_pod("plain", image, idle_command(), node=node)
        place(kube, namespace, pinned(exhibit(kube, "deployment", "tolerant"), node), plain)
        assert _nodes(settled(kube, namespace, "tolerant", 1)) == [node]
        wait(kube, namespace, "the plain pod waits", lambda: "taint" in unschedulable(_pod(kube, namespace, "plain")))
    finally:
        kube.run("taint", "node", node, f"{TAINT}-")
    start(kube, namespace, plain)


def _pod(kube: Kube, namespace: str, name: str) -> Object:
    return kube.get("pod", name, "--namespace", namespace)


@pytest.fixture
def node_with_one_slot(kube: Kube, workers: list[str]) -> Iterator[str]:
    """A worker that offers one piece of a resource of the test's own."""
    _offer_slots(kube, workers[0], "1")
    yield workers[0]
    _offer_slots(kube, workers[0], None)


def _offer_slots(kube: Kube, node: str, count: str | None) -> None:
    """Source: https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/"""
    patch = json.dumps({"status": {"capacity": {SLOT: count}, "allocatable": {SLOT: count}}})
    kube.run("patch", "node", node, "--subresource=status", "--type=merge", "--patch", patch)


@pytest.mark.concept("D3")
def test_a_high_priority_preempts_a_low_one(kube: Kube, namespace: str, image: str, node_with_one_slot: str) -> None:
    """A low pod has the only slot → a patient one waits for it → a high one takes it: the low pod is evicted."""

    def asking(name: str, priority: str) -> Object:
        return _asking_for_the_slot(toolbox_pod(name, image, idle_command(), node=node_with_one_slot), priority)

    start(kube, namespace, asking("low", "lab-low"))
    place(kube, namespace, asking("patient", "lab-patient"))
    wait(
        kube,
        namespace,
        "the patient pod waits",
        lambda: NOT_ELIGIBLE in unschedulable(_pod(kube, namespace, "patient")),
    )
    assert _pod(kube, namespace, "low")["status"]["phase"] == "Running"
    start(kube, namespace, asking("high", "lab-high"))
    gone = kube.attempt("get", "pod", "low", "--namespace", namespace)
    assert "NotFound" in gone.stderr
    assert _pod(kube, namespace, "patient")["status"]["phase"] == "Pending"


def _asking_for_the_slot(pod: Object, priority: str) -> Object:
    asking = copy.deepcopy(pod)
    asking["spec"]["priorityClassName"] = priority
    # Not 0: then the object would be gone before its container, and the kubelet refuse the next one for want of room.
    asking["spec"]["terminationGracePeriodSeconds"] = 1
    asking["spec"]["containers"][0]["resources"] = {"requests": {SLOT: "1"}, "limits": {SLOT: "1"}}
    return asking
