"""The pods and the Service with which the tests of paths are made: servers that say who asks them, and clients."""

from dataclasses import dataclass
from typing import Any

from tests.cluster.kube import Kube
from tests.cluster.outside import PORT, SAYS_WHO_ASKS
from tests.cluster.pods import fetch, idle_command, pod_address, start, toolbox_pod

SERVER = {"app.kubernetes.io/name": "server"}


@dataclass(frozen=True)
class Ground:
    """Where a test's pods stand."""

    kube: Kube
    namespace: str
    image: str
    workers: tuple[str, ...]

    def server(self, name: str, node: str | None = None) -> dict[str, Any]:
        """A pod that says its name, and the address from which it is asked."""
        return toolbox_pod(name, self.image, ["sh", "-c", SAYS_WHO_ASKS], labels=SERVER, node=node)

    def client(self, name: str = "client", node: str | None = None) -> dict[str, Any]:
        """A pod that asks."""
        return toolbox_pod(name, self.image, idle_command(), node=node)

    def start(self, *pods: dict[str, Any]) -> None:
        """Makes the pods and waits for them."""
        start(self.kube, self.namespace, *pods)

    def address(self, pod: str) -> str:
        """The pod's address."""
        return pod_address(self.kube, self.namespace, pod)

    def asks(self, pod: str, url: str) -> str:
        """What the pod is answered."""
        answered, text = fetch(self.kube, self.namespace, pod, url)
        assert answered, f"{pod} → {url}: {text}"
        return text

    def service(self, kind: str) -> dict[str, Any]:
        """A Service `servers` of that type before all servers, when it has what its type gives it."""
        spec = {"type": kind, "selector": SERVER, "ports": [{"port": 80, "targetPort": PORT}]}
        metadata = {"name": "servers", "namespace": self.namespace}
        self.kube.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        return self.kube.get("service", "servers", "--namespace", self.namespace)
