"""What breaks the rules about pods, as admission says it. What is unknown breaks nothing."""

from collections.abc import Iterable, Mapping

from policies.pack.judge_objects import credentials
from policies.pack.known import UNKNOWN, part, parts
from policies.pack.resources import Pod

LABELS = {"app.kubernetes.io/name": None, "app.kubernetes.io/part-of": "blueprint"}
"""What each must be; None stands for anything but nothing."""


def labels(pod: Pod) -> Iterable[str]:
    """Network policies, metrics and admission know a pod by these."""
    for name, needed in LABELS.items():
        found = part(pod.labels, name)
        if not found or (needed and found not in (needed, UNKNOWN)):
            yield name


def memory_limit(pod: Pod) -> Iterable[str]:
    """Containers without one."""
    return (name for name, one in pod.containers() if not part(one, "resources", "limits", "memory"))


def requests(pod: Pod) -> Iterable[str]:
    """Containers that do not say how much they need."""
    for name, container in pod.containers():
        if not all(part(container, "resources", "requests", kind) for kind in ("cpu", "memory")):
            yield name


def read_only_root(pod: Pod) -> Iterable[str]:
    """Containers that may write their root file system."""
    for name, container in pod.containers():
        if part(container, "securityContext", "readOnlyRootFilesystem") not in (True, UNKNOWN):
            yield name


def host_path(pod: Pod) -> Iterable[str]:
    """Folders of the node that are mounted."""
    for volume in parts(pod.spec, "volumes"):
        if part(volume, "hostPath") not in (None, UNKNOWN):
            yield f"{part(volume, 'name')} is {part(volume, 'hostPath', 'path')}"


def host_namespaces(pod: Pod) -> Iterable[str]:
    """What it shares with its node, and the node's ports that it takes."""
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if part(pod.spec, name) is True)
    for name, container in pod.containers():
        if any(part(port, "hostPort") not in (None, 0, UNKNOWN) for port in parts(container, "ports")):
            yield f"hostPort of {name}"


def token(pod: Pod) -> Iterable[str]:
    """Ways in which it gets a token of the API server; without the setting, Kubernetes mounts one."""
    if part(pod.spec, "automountServiceAccountToken") in (None, True):
        yield "automountServiceAccountToken"
    for volume in parts(pod.spec, "volumes"):
        sources = parts(volume, "projected", "sources")
        if any(isinstance(part(source, "serviceAccountToken"), Mapping) for source in sources):
            yield f"volume {part(volume, 'name')}"


def open_credentials(pod: Pod) -> Iterable[str]:
    """Names of variables that seem to hold a credential, which whoever may list pods reads."""
    for _, container in pod.containers():
        yield from credentials({str(part(one, "name")): part(one, "value") for one in parts(container, "env")})
