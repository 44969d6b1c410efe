"""The lab, chapter 8: a ConfigMap's values are seen in the process, and a change reaches files, and nothing else."""

import base64
import json
import time
from typing import Any

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import LAB, Object, exhibit, names, place, settled, wait
from tests.cluster.pods import inside
from tests.cluster.shop import rolled_out

NAME = "configured"
TOKEN = "/run/secrets/lab/token"
FILE, PINNED = "/etc/lab/greeting.txt", "/etc/pinned/greeting.txt"


@pytest.fixture
def pod(kube: Kube) -> str:
    """The exhibit's pod, ready."""
    (found,) = settled(kube, LAB, NAME, 1)
    return str(found["metadata"]["name"])


def _first_process(kube: Kube, namespace: str, pod: str, what: str) -> list[str]:
    """The environment or the arguments of the container's first process, as the kernel has them."""
    return inside(kube, namespace, pod, "cat", f"/proc/1/{what}").split("\0")


@pytest.mark.concept("F7", "F8", "F9")
def test_one_value_arrives_in_three_ways(kube: Kube, pod: str) -> None:
    """The process has the value in its environment and among its arguments, and finds the other one in a file."""
    assert "COLOUR=blue" in _first_process(kube, LAB, pod, "environ")
    assert "--colour=blue" in _first_process(kube, LAB, pod, "cmdline")
    assert inside(kube, LAB, pod, "cat", FILE) == "hello"


@pytest.mark.concept("F7", "F8", "F9", "E3")
def test_a_change_reaches_files_at_once_and_the_rest_with_new_pods(kube: Kube, namespace: str) -> None:
    """The file changes in the running process; environment, argument and the pinned file do so only in a new pod."""
    for kind in ("configmap", "secret", "deployment"):
        place(kube, namespace, exhibit(kube, kind, NAME))
    (before,) = settled(kube, namespace, NAME, 1)
    old = before["metadata"]["name"]
    _change(kube, namespace, {"COLOUR": "green", "greeting.txt": "good day\n"})
    wait(kube, namespace, "the file has changed", lambda: _hurried_file(kube, namespace, old) == "good day")
    assert _seen(kube, namespace, old) == ("COLOUR=blue", "--colour=blue", "hello")
    kube.run("rollout", "restart", f"deployment/{NAME}", "--namespace", namespace)
    rolled_out(kube, namespace, NAME)
    (new,) = names(settled(kube, namespace, NAME, 1))
    assert _seen(kube, namespace, new) == ("COLOUR=green", "--colour=green", "good day")


def _change(kube: Kube, namespace: str, data: dict[str, str]) -> None:
    patch = json.dumps({"data": data})
    kube.run("patch", "configmap", NAME, "--namespace", namespace, "--type=merge", "--patch", patch)


def _hurried_file(kube: Kube, namespace: str, pod: str) -> str:
    """The file now. A changed annotation makes the kubelet look at the pod's volumes at once, not within the minute.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#mounted-configmaps-are-updated-automatically
    """
    looked_at = f"blueprint/looked-at={time.time_ns()}"
    kube.run("annotate", "pod", pod, looked_at, "--overwrite", "--namespace", namespace)
    return inside(kube, namespace, pod, "cat", FILE)


def _seen(kube: Kube, namespace: str, pod: str) -> tuple[str, str, str]:
    """What the process has in its environment, among its arguments and in the file that is mounted by itself."""
    (environment,) = [one for one in _first_process(kube, namespace, pod, "environ") if one.startswith("COLOUR=")]
    (argument,) = [one for one in _first_process(kube, namespace, pod, "cmdline") if one.startswith("--colour=")]
    return environment, argument, inside(kube, namespace, pod, "cat", PINNED)


@pytest.mark.concept("F9")
def test_an_immutable_config_map_cannot_be_changed(kube: Kube) -> None:
    """A change of its data is refused, and so is the wish to make it mutable again."""
    for patch in ({"data": {"version": "2"}}, {"immutable": False}):
        answer = kube.attempt(
            *("patch", "configmap", "sealed", "--namespace", LAB, "--dry-run=server"),
            *("--type=merge", "--patch", json.dumps(patch)),
        )
        assert answer.returncode != 0, patch
        assert "immutable" in answer.stderr


@pytest.mark.concept("F10", "E4")
def test_a_secret_is_a_file_in_memory_and_in_no_environment(kube: Kube, pod: str) -> None:
    """The file holds the secret, the group may read it, it lies in memory, and the environment does not have it."""
    secret = kube.get("secret", NAME, "--namespace", LAB)
    token = base64.b64decode(secret["data"]["token"]).decode()
    assert len(token) > 40
    assert inside(kube, LAB, pod, "cat", TOKEN) == token
    assert inside(kube, LAB, pod, "stat", "-L", "-c", "%a", TOKEN) == "440"
    (mount,) = [
        line.split()
        for line in inside(kube, LAB, pod, "cat", "/proc/mounts").splitlines()
        if "/run/secrets/lab" in line
    ]
    assert mount[2] == "tmpfs"
    assert not [one for one in _first_process(kube, LAB, pod, "environ") if token in one]
    assert token not in json.dumps(_specs(kube))


def _specs(kube: Kube) -> list[Object]:
    found: list[dict[str, Any]] = kube.items("pods,configmaps,deployments", "--namespace", LAB)
    return found
