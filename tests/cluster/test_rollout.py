"""A Deployment's history: what a rollout makes, what it keeps, and what a rollback brings back."""

from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.pods import idle_command, toolbox_pod
from tests.cluster.shop import rolled_out

LABELS = {"app": "rolled"}


def _deployment(namespace: str, image: str) -> dict[str, Any]:
    pod = toolbox_pod("rolled", image, idle_command(), labels=LABELS)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "rolled", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod["spec"]},
        },
    }


@pytest.mark.concept("C11", "A3")
def test_a_rollout_keeps_the_old_replicaset_and_a_rollback_runs_its_image_again(
    kube: Kube, namespace: str, outputs: dict[str, Any]
) -> None:
    """Each image gets a ReplicaSet, which stays; a rollback runs the earlier digest; no pod more than allowed."""
    old, new = outputs["images"]["toolbox"], outputs["images"]["payments"]

    def sets() -> dict[str, int]:
        found = kube.items("replicasets", "--namespace", namespace, "--selector", "app=rolled")
        return {_image(one["spec"]["template"]["spec"]): int(one["spec"]["replicas"]) for one in found}

    def running() -> set[str]:
        pods = kube.items("pods", "--namespace", namespace, "--selector", "app=rolled")
        return {status["imageID"].rpartition("@")[2] for pod in pods if ready(pod) for status in _statuses(pod)}

    kube.apply(_deployment(namespace, old))
    rolled_out(kube, namespace, "rolled")
    assert sets() == {old: 2}
    kube.apply(_deployment(namespace, new))
    rolled_out(kube, namespace, "rolled")
    assert sets() == {old: 0, new: 2}
    eventually("only the new image runs", lambda: running() == {new.rpartition("@")[2]}, seconds=60)
    kube.run("rollout", "undo", "deployment/rolled", "--namespace", namespace)
    rolled_out(kube, namespace, "rolled")
    assert sets() == {old: 2, new: 0}
    eventually("only the old image runs", lambda: running() == {old.rpartition("@")[2]}, seconds=60)


def _image(pod: dict[str, Any]) -> str:
    return str(pod["containers"][0]["image"])


def _statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pod["status"].get("containerStatuses", []))
