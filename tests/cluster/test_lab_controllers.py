"""The lab, chapter 2: controllers keep the number of their pods, select by labels, and follow the nodes' labels."""

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import (
    LAB,
    Object,
    exhibit,
    names,
    place,
    ready_pods,
    settled,
    wait,
    worker_names,
)
from tests.cluster.shop import pods_of

MARK = "blueprint/exhibit"
TIER = "blueprint/tier"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("replication-controller", marks=pytest.mark.concept("C9")),
        pytest.param("replica-set", marks=pytest.mark.concept("C10")),
    ],
)
def test_a_deleted_pod_is_replaced(kube: Kube, name: str) -> None:
    """One of two pods is deleted: the other one stays, and a new one takes its place."""
    before = names(settled(kube, LAB, name, 2))
    gone = sorted(before)[0]
    kube.run("delete", "pod", gone, "--namespace", LAB)
    after = names(settled(kube, LAB, name, 2))
    assert gone not in after
    assert len(after & before) == 1
    (new,) = [pod for pod in ready_pods(kube, LAB, name) if pod["metadata"]["name"] not in before]
    (owner,) = new["metadata"]["ownerReferences"]
    assert (owner["name"], owner["controller"]) == (name, True)


@pytest.mark.concept("C7", "C10")
def test_a_set_based_selector_keeps_one_value_and_lets_another_go(kube: Kube, namespace: str) -> None:
    """A pod changed from `front` to `back` stays its own; changed to `cellar` it lives on alone and is replaced."""
    name = "replica-set"
    place(kube, namespace, exhibit(kube, "replicaset", name))
    before = names(settled(kube, namespace, name, 2))
    chosen = sorted(before)[0]
    _label(kube, namespace, chosen, "back")
    assert names(_stays(kube, namespace, name)) == before
    _label(kube, namespace, chosen, "cellar")
    wait(kube, namespace, "the pod is let go", lambda: not _owners(kube, namespace, chosen))
    assert chosen in names(settled(kube, namespace, name, 3))
    _label(kube, namespace, chosen, "front")
    settled(kube, namespace, name, 2)


def _label(kube: Kube, namespace: str, pod: str, tier: str) -> None:
    kube.run("label", "pod", pod, f"{TIER}={tier}", "--overwrite", "--namespace", namespace)


def _owners(kube: Kube, namespace: str, pod: str) -> list[Object]:
    return list(kube.get("pod", pod, "--namespace", namespace)["metadata"].get("ownerReferences", []))


def _stays(kube: Kube, namespace: str, name: str) -> list[Object]:
    """The pods once the controller has seen the change, which it says by counting the labelled ones anew."""

    def seen() -> bool:
        status = kube.get("replicaset", name, "--namespace", namespace)["status"]
        return (status["replicas"], status["fullyLabeledReplicas"]) == (2, 1)

    wait(kube, namespace, "the ReplicaSet has seen the changed label", seen)
    return settled(kube, namespace, name, 2)


@pytest.mark.concept("C12")
def test_a_daemon_set_follows_the_labels_of_the_nodes(kube: Kube) -> None:
    """No node is marked: no pod. One is: a pod there alone. A second one: one on each. A mark goes: so does its pod."""
    first, second = worker_names(kube)[:2]
    _unmark(kube, first, second)
    try:
        _on_nodes(kube, set())
        kube.run("label", "node", first, f"{MARK}=daemon-set")
        _on_nodes(kube, {first})
        kube.run("label", "node", second, f"{MARK}=daemon-set")
        _on_nodes(kube, {first, second})
        _unmark(kube, first)
        _on_nodes(kube, {second})
    finally:
        _unmark(kube, first, second)
    _on_nodes(kube, set())


def _unmark(kube: Kube, *nodes: str) -> None:
    for node in nodes:
        kube.run("label", "node", node, f"{MARK}-")


def _on_nodes(kube: Kube, nodes: set[str]) -> None:
    def placed() -> bool:
        pods = pods_of(kube, LAB, "daemon-set")
        found = sorted(pod["spec"].get("nodeName", "") for pod in pods)
        return found == sorted(nodes) and len(ready_pods(kube, LAB, "daemon-set")) == len(nodes)

    wait(kube, LAB, f"the DaemonSet has one pod on each of {sorted(nodes)} and none elsewhere", placed)
