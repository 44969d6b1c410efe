"""The lab, chapter 5: the namespace fills in what a pod leaves out, and refuses what is too much."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import LAB, Object, wait
from tests.cluster.pods import idle_command, toolbox_pod

VISITORS = ("visitor-0", "visitor-1", "visitor-2")


@pytest.fixture
def image(outputs: dict[str, Any]) -> str:
    """The toolbox image."""
    return str(outputs["images"]["toolbox"])


def _offered(kube: Kube, pod: Object, *, dry: bool) -> subprocess.CompletedProcess[str]:
    """What the API server answers to the pod in the lab; dry, all of admission is run but nothing is made."""
    how = ["--dry-run=server"] if dry else []
    where = ["--namespace", LAB, "--filename", "-", "--output", "json"]
    return kube.attempt("create", *where, *how, stdin=json.dumps(pod))


@pytest.mark.concept("C8")
def test_what_a_container_leaves_out_is_filled_in(kube: Kube, image: str) -> None:
    """A pod that states no resources gets the LimitRange's; one that states more than its maximum is refused."""
    pod = toolbox_pod("modest", image, idle_command())
    (container,) = pod["spec"]["containers"]
    del container["resources"]
    made = json.loads(_offered(kube, pod, dry=True).stdout)
    assert made["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "5m", "memory": "8Mi"},
        "limits": {"memory": "64Mi"},
    }
    container["resources"] = {"requests": {"memory": "2Gi"}, "limits": {"memory": "2Gi"}}
    refused = _offered(kube, pod, dry=True)
    assert refused.returncode != 0
    assert "maximum memory usage per Container is 1Gi" in refused.stderr


@pytest.fixture
def no_visitors(kube: Kube) -> Iterator[None]:
    """None of the test's pods are there, before and after."""
    _leave(kube, *VISITORS)
    yield
    _leave(kube, *VISITORS)


def _leave(kube: Kube, *pods: str) -> None:
    kube.run("delete", "pod", *pods, "--namespace", LAB, "--ignore-not-found", "--grace-period=0", "--force")


@pytest.mark.concept("C8")
@pytest.mark.usefixtures("no_visitors")
def test_the_quota_refuses_one_pod_too_many(kube: Kube, image: str) -> None:
    """Two pods of the lowest priority fit; a third is refused by the quota; one goes, and the third is let in."""

    def enters(name: str) -> subprocess.CompletedProcess[str]:
        return _offered(kube, _visitor(name, image), dry=False)

    first, second, third = VISITORS
    wait(kube, LAB, "the first is let in", lambda: enters(first).returncode == 0, seconds=60)
    assert enters(second).returncode == 0
    refused = enters(third)
    assert refused.returncode != 0
    assert "exceeded quota: lowest, requested: pods=1, used: pods=2, limited: pods=2" in refused.stderr
    _leave(kube, first)
    wait(kube, LAB, "the third is let in", lambda: enters(third).returncode == 0, seconds=60)


def _visitor(name: str, image: str) -> Object:
    """A pod that a quota counts like any other, but that no node takes: it costs nothing."""
    pod = toolbox_pod(name, image, idle_command())
    pod["spec"] |= {"priorityClassName": "lab-low", "nodeSelector": {"kubernetes.io/hostname": "none"}}
    return pod


@pytest.mark.concept("C8")
def test_the_whole_lab_is_within_its_quota(kube: Kube) -> None:
    """The quota counts the pods that are there, and there is room for more."""
    status = kube.get("resourcequota", "whole-lab", "--namespace", LAB)["status"]
    assert 10 < int(status["used"]["pods"]) < int(status["hard"]["pods"])
    assert status["used"].keys() == {"pods", "requests.cpu", "requests.memory"}
