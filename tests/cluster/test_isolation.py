"""Containers that take too much: what bounds them, and what their neighbours notice."""

import time
from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import idle_command, start, toolbox_pod

HOG_MEMORY = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"]
KILLED = 137
"""128 and SIGKILL, which only the kernel sends here: without a limit the hog ends by itself, with 0."""


@pytest.fixture
def image(outputs: dict[str, Any]) -> str:
    """The toolbox image."""
    return str(outputs["images"]["toolbox"])


def _limited(pod: dict[str, Any], cpu: str, memory: str) -> dict[str, Any]:
    pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": cpu, "memory": memory}}
    return pod


@pytest.mark.concept("A4")
def test_a_container_that_takes_too_much_memory_is_killed_and_its_neighbour_lives(
    kube: Kube, namespace: str, image: str
) -> None:
    """The hog is OOM-killed at its limit; a container beside it in the same node's memory never restarts."""
    hog = _limited(toolbox_pod("hog", image, HOG_MEMORY), "500m", "32Mi")
    hog["spec"]["restartPolicy"] = "Never"
    start(kube, namespace, _limited(toolbox_pod("neighbour", image, idle_command()), "100m", "32Mi"))
    kube.apply({**hog, "metadata": {**hog["metadata"], "namespace": namespace}})

    def end() -> dict[str, Any]:
        statuses = kube.get("pod", "hog", "--namespace", namespace)["status"].get("containerStatuses", [])
        return dict(statuses[0]["state"].get("terminated", {})) if statuses else {}

    ended = eventually(
        "the hog has ended", lambda: bool(end()), seconds=90, diagnose=lambda: kube.diagnostics(namespace)
    )
    assert end()["exitCode"] == KILLED, f"{end()} after {ended:.0f} s"
    assert end()["reason"] in ("OOMKilled", "Error"), "the runtime may miss the kernel's word of why, on a busy host"
    neighbour = kube.get("pod", "neighbour", "--namespace", namespace)["status"]["containerStatuses"][0]
    assert (neighbour["restartCount"], neighbour["ready"]) == (0, True)


@pytest.mark.concept("A4")
def test_a_container_that_takes_too_much_cpu_is_throttled(kube: Kube, namespace: str, image: str) -> None:
    """A busy loop with a limit of a tenth of a core is throttled by the kernel, and gets no more than a tenth."""
    busy = _limited(toolbox_pod("busy", image, ["sh", "-c", "while true; do :; done"]), "100m", "32Mi")
    start(kube, namespace, busy)

    def read(*files: str) -> list[str]:
        """The lines of those files of the container's control group that there are (cgroup v1 or v2)."""
        paths = " ".join(f"/sys/fs/cgroup/{file}" for file in files)
        inside = ["exec", "--namespace", namespace, "busy", "--", "sh", "-c", f"cat {paths} 2>/dev/null"]
        return kube.attempt(*inside).stdout.splitlines()

    def throttled() -> int:
        lines = dict(line.split() for line in read("cpu.stat", "cpu/cpu.stat"))
        return int(lines["nr_throttled"])

    def used_seconds() -> float:
        (v1, *_) = [*read("cpuacct/cpuacct.usage"), ""]
        if v1:
            return int(v1) / 1e9
        return int(dict(line.split() for line in read("cpu.stat"))["usage_usec"]) / 1e6

    since, first, used = time.monotonic(), throttled(), used_seconds()
    eventually("it is throttled again and again", lambda: throttled() > first + 30, seconds=90)
    share = (used_seconds() - used) / (time.monotonic() - since)
    assert 0 < share <= 0.13, f"{share:.3f} cores"
