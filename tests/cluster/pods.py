"""Pods that the tests make: restricted, small, of the toolbox image, and within the rules of policies/admission."""

from typing import Any

from tests.cluster.kube import Kube, eventually, ready

USER = 65532
START_SECONDS = 180


def toolbox_pod(
    name: str, image: str, command: list[str], *, labels: dict[str, str] | None = None, node: str | None = None
) -> dict[str, Any]:
    """A pod that meets the `restricted` level and runs a shell command of the toolbox.

    Args:
        name: its own, and its identity on the network unless the labels say otherwise.
        image: the toolbox's.
        command: what it runs.
        labels: beside or in place of the two that every pod of ours carries.
        node: the one that it must be on.
    """
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "blueprint"} | (labels or {})
    container = {
        "name": "toolbox",
        "image": image,
        "command": command,
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own
    }
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": own}, "spec": spec}


def web_server_command(port: int = 8080) -> list[str]:
    """Serves one file whose text is the pod's host name."""
    return ["sh", "-c", f"mkdir /tmp/www && hostname > /tmp/www/index.html && exec httpd -f -p {port} -h /tmp/www"]


def idle_command() -> list[str]:
    """Waits to be given commands."""
    return ["sleep", "3600"]


def start(kube: Kube, namespace: str, *pods: dict[str, Any]) -> None:
    """Makes the pods in the namespace and waits until each is ready."""
    kube.apply(*({**pod, "metadata": {**pod["metadata"], "namespace": namespace}} for pod in pods))
    for pod in pods:
        name = pod["metadata"]["name"]
        eventually(
            f"pod {namespace}/{name} is ready",
            lambda name=name: ready(kube.get("pod", name, "--namespace", namespace)),  # type: ignore[misc]
            seconds=START_SECONDS,
            diagnose=lambda: kube.diagnostics(namespace),
        )


def pod_address(kube: Kube, namespace: str, name: str) -> str:
    """The pod's IP address."""
    return str(kube.get("pod", name, "--namespace", namespace)["status"]["podIP"])


def fetch(kube: Kube, namespace: str, client: str, url: str, seconds: int = 5) -> tuple[bool, str]:
    """Whether the client pod got the URL within the seconds, and what it got."""
    command = ["exec", "--namespace", namespace, client, "--", "wget", "-q", "-T", str(seconds), "-O", "-", url]
    done = kube.attempt(*command)
    return done.returncode == 0, done.stdout.strip() or done.stderr.strip()


def inside(kube: Kube, namespace: str, pod: str, *command: str, container: str | None = None) -> str:
    """What a command prints in a container of the pod: the named one, or the first. It must succeed."""
    chosen = ["--container", container] if container else []
    return kube.run("exec", "--namespace", namespace, pod, *chosen, "--", *command).strip()
