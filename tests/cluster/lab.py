"""The lab's exhibits as the tests see them: taken as they are, or copied into a test's own namespace to be changed."""

import copy
from collections.abc import Callable
from typing import Any

from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.shop import pods_of

LAB = "lab"
SECONDS = 90
_OWN = ("name", "labels", "annotations")
_OF_A_JOB = ("controller-uid", "job-name")
Object = dict[str, Any]


def exhibit(kube: Kube, kind: str, name: str) -> Object:
    """The exhibit as it could be made anew elsewhere: without what the cluster added to it."""
    found = kube.get(kind, name, "--namespace", LAB)
    found.pop("status", None)
    found["metadata"] = {key: value for key, value in found["metadata"].items() if key in _OWN}
    spec = found.get("spec", {})
    if found["kind"] == "Job":
        del spec["selector"]
        labels = spec["template"]["metadata"]["labels"]
        spec["template"]["metadata"]["labels"] = {
            key: value for key, value in labels.items() if key.rpartition("/")[2] not in _OF_A_JOB
        }
    if found["kind"] == "Service" and spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    return found


def place(kube: Kube, namespace: str, *objects: Object) -> None:
    """Makes the objects in the namespace."""
    placed = copy.deepcopy(list(objects))
    for one in placed:
        one["metadata"]["namespace"] = namespace
    kube.apply(*placed)


def pod_spec(workload: Object) -> Object:
    """The spec of a workload's pods, to be changed in place."""
    found: Object = workload["spec"]["template"]["spec"]
    return found


def pinned(workload: Object, node: str) -> Object:
    """The workload with its pods on this node only."""
    changed = copy.deepcopy(workload)
    pod_spec(changed)["nodeSelector"] = {"kubernetes.io/hostname": node}
    return changed


def worker_names(kube: Kube) -> list[str]:
    """The nodes that run no control plane."""
    nodes = kube.items("nodes", "--selector", "!node-role.kubernetes.io/control-plane")
    return [node["metadata"]["name"] for node in nodes]


def ready_pods(kube: Kube, namespace: str, name: str) -> list[Object]:
    """The ready pods of an exhibit."""
    return [pod for pod in pods_of(kube, namespace, name) if ready(pod)]


def names(pods: list[Object]) -> set[str]:
    """The pods' names."""
    return {pod["metadata"]["name"] for pod in pods}


def settled(kube: Kube, namespace: str, name: str, count: int) -> list[Object]:
    """The pods of an exhibit once there are exactly so many and all are ready."""

    found: list[Object] = []

    def as_many() -> bool:
        found[:] = pods_of(kube, namespace, name)
        return len(found) == count and all(ready(pod) for pod in found)

    wait(kube, namespace, f"{namespace}/{name} has {count} pods, all ready", as_many)
    return found


def wait(kube: Kube, namespace: str, what: str, holds: Callable[[], bool], seconds: float = SECONDS) -> float:
    """Waits until the condition holds; a failure shows what the namespace looks like."""
    return eventually(what, holds, seconds=seconds, diagnose=lambda: kube.diagnostics(namespace))


def endpoints(kube: Kube, namespace: str, service: str) -> set[str]:
    """The names of the pods that a Service leads to now."""
    slices = kube.items(
        "endpointslices", "--namespace", namespace, "--selector", f"kubernetes.io/service-name={service}"
    )
    found = [endpoint for one in slices for endpoint in one.get("endpoints") or []]
    return {endpoint["targetRef"]["name"] for endpoint in found if endpoint["conditions"].get("ready")}


def container_status(pod: Object, container: str) -> Object:
    """The status of a container or an init container; empty before it has one."""
    status = pod["status"]
    known = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    return next((one for one in known if one["name"] == container), {})


def restarts(pod: Object, container: str) -> int:
    """How often a container was started again."""
    return int(container_status(pod, container).get("restartCount", 0))


def unschedulable(pod: Object) -> str:
    """Why the scheduler finds no node for the pod; empty when it found one, or did not try yet."""
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return str(condition.get("message"))
    return ""
