"""The API server as its machine's operator reaches it, by its node. Owns bringing changed files into force."""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import yaml

from toolchain.control_plane import encryption, folder
from toolchain.errors import ToolchainError
from toolchain.shell import run

COMMAND_SECONDS = 60
RELOAD_SECONDS = 150
"""The API server looks for changed keys every minute."""
RESTART_SECONDS = 180
_MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
_SCRATCH = "/etc/kubernetes/kube-apiserver.new"
_STARTED = "blueprint/started"
_KEYS_IN_FORCE = re.compile(
    r'^apiserver_encryption_config_controller_last_config_info{.*\bhash="sha256:(\w+)"', re.MULTILINE
)


def update(cluster: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Writes the files and starts the API server again, which does not answer meanwhile, for some 20 seconds.

    It would notice some of the changes itself. But the audit policy and ABAC's rules it reads at its start alone, and
    a new authority it takes only from an issuer whose certificate is new already, which comes after it.

    Raises:
        ToolchainError: it did not come back; its old files are back then, and with them it will.
    """
    folder.write(cluster, new)
    try:
        restart(cluster)
    except ToolchainError:
        folder.write(cluster, old)
        _renew(cluster)
        raise


def wait_for_keys(cluster: str) -> None:
    """Returns when the API server encrypts by the file of keys as it is now.

    Raises:
        ToolchainError: it does not within 150 s; it refuses a file that is wrong, and stays with the last good one.
    """
    digest = hashlib.sha256(folder.read(cluster, encryption.FILE).encode()).hexdigest()
    _until(
        lambda: digest in _KEYS_IN_FORCE.findall(kubectl(cluster, "get", "--raw", "/metrics")),
        RELOAD_SECONDS,
        f"the API server of {cluster!r} does not take {encryption.FILE}",
        "it takes a changed file within a minute, unless the file is wrong",
        f"docker exec {node(cluster)} sh -c 'grep -h encryption /var/log/pods/kube-system_kube-apiserver*/*/*.log'",
    )


def restart(cluster: str) -> None:
    """Has the kubelet make the API server's pod anew. Returns when the new one answers.

    Raises:
        ToolchainError: it did not answer within 180 s.
    """
    before = _pod(cluster)
    _renew(cluster)
    _until(
        lambda: _pod(cluster) not in ("", before) and _answers(cluster),
        RESTART_SECONDS,
        f"the API server of {cluster!r} did not come back",
        "the kubelet starts it again within seconds, unless one of its files is wrong",
        f"docker exec {node(cluster)} sh -c 'tail /var/log/pods/kube-system_kube-apiserver*/*/*.log'",
    )


def _renew(cluster: str) -> None:
    """Changes the pod's manifest. A process that only ends is the same pod to the kubelet, which lets it wait longer
    each time.
    """
    pod = yaml.safe_load(execute(cluster, "cat", _MANIFEST))
    pod["metadata"].setdefault("annotations", {})[_STARTED] = datetime.now(UTC).isoformat()
    execute(cluster, "cp", "/dev/stdin", _SCRATCH, stdin=yaml.safe_dump(pod))
    execute(cluster, "mv", _SCRATCH, _MANIFEST)


def kubectl(cluster: str, *arguments: str) -> str:
    """What kubectl says on the control plane's node, as the cluster's administrator."""
    return execute(cluster, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments)


def execute(cluster: str, *command: str, stdin: str | None = None) -> str:
    """What a command on the control plane's node prints.

    Raises:
        ToolchainError: it failed.
    """
    remedy = "check that the cluster runs (`make status`), then try again"
    enter = ["docker", "exec", *(["-i"] if stdin is not None else []), node(cluster)]
    return run([*enter, *command], seconds=COMMAND_SECONDS, remedy=remedy, stdin=stdin)


def node(cluster: str) -> str:
    """The control plane's node."""
    return f"{cluster}-control-plane"


def _pod(cluster: str) -> str:
    """The UID of the API server's pod, by its process's control group; empty while there is no process."""
    groups = execute(cluster, "sh", "-c", "cat /proc/$(pidof kube-apiserver)/cgroup 2>/dev/null || true")
    found = re.search(r"\bpod([0-9a-f_-]{32,})", groups)
    return found[1] if found else ""


def _answers(cluster: str) -> bool:
    try:
        kubectl(cluster, "--request-timeout=5s", "get", "--raw", "/readyz")
    except ToolchainError:
        return False  # a question, not an act: the answer is no
    return True


def _until(holds: Callable[[], bool], seconds: float, value: str, rule: str, look: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ToolchainError(f"{value} ({seconds:.0f} s)", rule, f"look at its log: {look}")
        time.sleep(1)
