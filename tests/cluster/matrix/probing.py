"""Pods that knock: one of each identity, which nothing controls and to which no Service leads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kube import Kube, eventually
from tests.cluster.matrix import prober
from tests.cluster.matrix.hubble import Knock
from tests.cluster.matrix.targets import Target
from tests.cluster.pods import toolbox_pod
from tests.cluster.shop import PYTHON

LABEL = "blueprint/prober"
"""On every prober: the run that it belongs to."""
NEVER = "blueprint/never"
"""A condition that nothing ever sets: a pod that waits for it is never ready, so no Service leads to it."""
SCRIPT = Path(prober.__file__)
START_SECONDS = 120
KNOCK_SECONDS = 2.0
IDLE = [PYTHON, "-c", "import signal; signal.pause()"]


@dataclass(frozen=True)
class Prober:
    """A pod that knocks."""

    namespace: str
    name: str
    address: str
    node: str


@dataclass(frozen=True)
class Outcome:
    """What became of a knock, and by what the network's record of it is found."""

    word: str
    knock: Knock


def prober_pod(name: str, namespace: str, labels: Mapping[str, str], run: str, image: str) -> dict[str, Any]:
    """A pod with an identity's own labels and no others that anybody selects by.

    So it is none of the identity's own pods: their controllers demand more labels, or a name of their own making.
    """
    own = {"app.kubernetes.io/part-of": "blueprint", **labels, LABEL: run}
    pod = toolbox_pod(name, image, IDLE, labels=own)
    pod["metadata"]["namespace"] = namespace
    pod["spec"]["readinessGates"] = [{"conditionType": NEVER}]
    pod["spec"]["enableServiceLinks"] = False
    pod["spec"]["containers"][0]["resources"] = {
        "requests": {"cpu": "5m", "memory": "16Mi"},
        "limits": {"memory": "96Mi"},
    }
    return pod


def running(kube: Kube, run: str, count: int) -> dict[tuple[str, str], Prober]:
    """The run's probers by namespace and name, once so many of them run."""
    found: list[dict[str, Any]] = []

    def all_run() -> bool:
        found[:] = kube.items("pods", "--all-namespaces", "--selector", f"{LABEL}={run}")
        return len(found) == count and all(_started(pod) for pod in found)

    def waiting() -> str:
        return "\n".join(f"{pod['metadata']['name']}: {pod['status']}" for pod in found if not _started(pod))

    eventually(f"{count} probers run", all_run, seconds=START_SECONDS, diagnose=waiting)
    probers = (_prober(pod) for pod in found)
    return {(one.namespace, one.name): one for one in probers}


def _started(pod: Mapping[str, Any]) -> bool:
    return all("running" in status["state"] for status in pod["status"].get("containerStatuses") or [{"state": {}}])


def _prober(pod: Mapping[str, Any]) -> Prober:
    metadata = pod["metadata"]
    return Prober(metadata["namespace"], metadata["name"], pod["status"]["podIP"], pod["spec"]["nodeName"])


def knock(
    kube: Kube, source: Prober, targets: Sequence[Target], seconds: float = KNOCK_SECONDS, container: str | None = None
) -> dict[str, Outcome]:
    """Knocks on all targets at the same time. What became of each, by the target's name."""
    knocks = [(one.name, one.protocol, one.address, one.port, one.payload) for one in targets]
    command = ["exec", "--stdin", "--namespace", source.namespace, source.name, "--container", container or "toolbox"]
    answer = kube.run(
        *(*command, "--", PYTHON, "-c", SCRIPT.read_text()),
        stdin=json.dumps({"seconds": seconds, "knocks": knocks}),
    )
    ports = {one.name: frozenset({one.port, *(port for _, port in one.leads_to)}) for one in targets}
    protocols = {one.name: str(one.protocol) for one in targets}
    return {
        name: Outcome(word, Knock((source.address, port), protocols[name], ports[name]))
        for name, (word, port) in json.loads(answer).items()
    }


def remove(kube: Kube, run: str, namespaces: Iterable[str]) -> None:
    """Removes the run's probers."""
    for namespace in namespaces:
        kube.run("delete", "pods", "--namespace", namespace, "--selector", f"{LABEL}={run}", "--wait=false")
