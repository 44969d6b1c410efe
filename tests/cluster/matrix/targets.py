"""What is knocked on: every Service, pod, and node, the API server, the metadata address, and a host outside."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.flows.flows import API
from policies.flows.identities import IDENTITIES
from policies.flows.model import COMPONENT_LABEL, NAME_LABEL, Identity, Peer, Protocol
from tests.cluster.matrix.outside import PORT as OUTSIDE_PORT
from toolchain.registry import PORT as REGISTRY_PORT

Object = dict[str, Any]
NODE_PORTS = {
    22: "closed",
    2379: "etcd",
    2381: "etcd's metrics",
    4244: "Hubble",
    9962: "Cilium's metrics",
    9963: "Cilium's operator's metrics",
    9965: "Hubble's metrics",
    10250: "kubelet",
    10257: "controllers",
    10259: "scheduler",
}
"""Some are the control plane's, and closed on other nodes: there what is permitted is refused, and the rest dropped."""
CLOSED = 9
"""A port (discard) at which no pod of ours listens."""
UNDECLARED = 8080
METADATA = "169.254.169.254"
API_SERVICE, DNS_SERVICE = ("default", "kubernetes"), ("kube-system", "kube-dns")
DNS_NAME = ("kubernetes", "default", "svc", "cluster", "local")
DNS_QUERY = (
    "1e5b01000001000000000000" + "".join(f"{len(part):02x}{part.encode().hex()}" for part in DNS_NAME) + "0000010001"
)
"""Asks for its address (RFC 1035, section 4.1)."""
HELLO = b"hello".hex()


@dataclass(frozen=True)
class Target:
    """One door.

    Attributes:
        name: as a wrong cell is reported.
        address: where it is knocked on; with `port` and `protocol`.
        destination: what that leads to, as the flows name it; None for what no flow can name.
        inner_port: the port of the destination, behind a Service's.
        leads_to: address and port of each end that a packet may have after a Service's address was translated.
        node: the node, for a door of a node: to a pod on the same one it is another peer than to the rest.
        payload: what a UDP knock sends, in hexadecimal digits.
    """

    name: str
    address: str
    port: int
    protocol: Protocol
    destination: Identity | Peer | None
    inner_port: int
    leads_to: frozenset[tuple[str, int]]
    node: str | None = None
    payload: str = HELLO

    def seen_from(self, node: str) -> Identity | Peer | None:
        """The destination as the flows name it for a source on that node."""
        return Peer.HOST if self.node == node and self.destination is Peer.REMOTE_NODE else self.destination


@dataclass(frozen=True)
class Snapshot:
    """The cluster as it stands, as lists of its objects.

    Attributes:
        namespaces: the names of our own, as they are declared → as they are in the cluster.
    """

    pods: list[Object]
    services: list[Object]
    slices: list[Object]
    nodes: list[Object]
    namespaces: Mapping[str, str]

    def declared(self, namespace: str) -> str | None:
        """The namespace's declared name; None for one that is not ours."""
        return next((name for name, found in self.namespaces.items() if found == namespace), None)


def targets(snapshot: Snapshot, outside: str, registry: str) -> list[Target]:
    """All doors of the cluster, and those of two hosts beside it: the test's own, and the registry, by address."""
    found = [
        *_services(snapshot),
        *_pods(snapshot),
        *_nodes(snapshot),
        _plain("metadata address", METADATA, 80, Peer.METADATA),
        _plain("metadata address", METADATA, 80, Peer.METADATA, Protocol.UDP),
        _plain("outside host", outside, OUTSIDE_PORT, Peer.WORLD),
        _plain("outside host", outside, OUTSIDE_PORT, Peer.WORLD, Protocol.UDP),
        _plain("registry", registry, REGISTRY_PORT, Peer.WORLD),
    ]
    return list({target.name: target for target in found}.values())


def identity_of(namespace: str, labels: Mapping[str, str]) -> Identity:
    """The identity that a pod's labels give it. One that is not declared is the pod's own name and no more."""
    component = labels.get(COMPONENT_LABEL)
    named = Identity(namespace, labels.get(NAME_LABEL, ""), component)
    return named if named in IDENTITIES else Identity(namespace, labels.get(NAME_LABEL, ""))


def _plain(
    name: str,
    address: str,
    port: int,
    destination: Identity | Peer | None,
    protocol: Protocol = Protocol.TCP,
    **more: Any,
) -> Target:
    leads_to = frozenset({(address, port)})
    return Target(f"{name}:{port}/{protocol}", address, port, protocol, destination, port, leads_to, **more)


def _services(snapshot: Snapshot) -> Iterator[Target]:
    """Each port of each Service that has somebody behind it, by each of the Service's addresses."""
    for service in snapshot.services:
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        destination = _behind(snapshot, service, key)
        for port in service["spec"].get("ports", []):
            ends = _ends(snapshot, key, port)
            if not ends:
                continue
            for address, number, how in _addresses(snapshot, service, port):
                protocol = Protocol(port["protocol"])
                inner = API if destination is Peer.API_SERVER else next(iter(ends))[1]
                name = f"{how} {'/'.join(key)}:{number}/{protocol}"
                payload = DNS_QUERY if destination is Peer.DNS else HELLO
                yield Target(name, address, number, protocol, destination, inner, ends, payload=payload)


def _behind(snapshot: Snapshot, service: Object, key: tuple[str, str]) -> Identity | Peer | None:
    if key == API_SERVICE:
        return Peer.API_SERVER
    if key == DNS_SERVICE:
        return Peer.DNS
    namespace = snapshot.declared(key[0])
    return identity_of(namespace, service["spec"].get("selector") or {}) if namespace else None


def _ends(snapshot: Snapshot, key: tuple[str, str], port: Object) -> frozenset[tuple[str, int]]:
    slices = [
        one
        for one in snapshot.slices
        if (one["metadata"]["namespace"], one["metadata"]["labels"].get("kubernetes.io/service-name")) == key
    ]
    return frozenset(
        (address, int(own["port"]))
        for one in slices
        for own in one.get("ports") or []
        if (own.get("name") or "", own["protocol"]) == (port.get("name") or "", port["protocol"])
        for endpoint in one.get("endpoints") or []
        if endpoint["conditions"].get("ready")
        for address in endpoint["addresses"]
    )


def _addresses(snapshot: Snapshot, service: Object, port: Object) -> Iterator[tuple[str, int, str]]:
    """Address, port, and how it is called. A headless Service has none: its name leads to pods, which are doors too."""
    address = service["spec"].get("clusterIP", "None")
    if address not in ("None", ""):
        yield address, int(port["port"]), "service"
    for given in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []:
        yield given["ip"], int(port["port"]), "load balancer"
    if "nodePort" in port:
        for node, inner in ((node["metadata"]["name"], _node_address(node)) for node in snapshot.nodes):
            yield inner, int(port["nodePort"]), f"node port on {node} of"


def _pods(snapshot: Snapshot) -> Iterator[Target]:
    """Of each kind of pod one: the ports that it declares, one that is closed, and one by UDP."""
    for kind, pod in _one_of_each(snapshot.pods).items():
        namespace = snapshot.declared(kind[0])
        name_server = kind == DNS_SERVICE
        address = pod["status"]["podIP"]
        identity = identity_of(namespace, pod["metadata"].get("labels", {})) if namespace else None
        destination = Peer.DNS if name_server else identity
        ports = _declared_ports(pod) | {(CLOSED, Protocol.TCP), (UNDECLARED, Protocol.UDP)}
        for port, protocol in sorted(ports):
            payload = DNS_QUERY if (port, name_server) == (53, True) else HELLO
            yield _plain(f"pod {'/'.join(kind)}", address, port, destination, protocol, payload=payload)


def _one_of_each(pods: Iterable[Object]) -> dict[tuple[str, str], Object]:
    found: dict[tuple[str, str], Object] = {}
    for pod in pods:
        labels = pod["metadata"].get("labels", {})
        name = labels.get(NAME_LABEL) or labels.get("k8s-app") or labels.get("app")
        if name is None or pod["spec"].get("hostNetwork") or not _serves(pod):
            continue
        found.setdefault((pod["metadata"]["namespace"], name), pod)
    return found


def _serves(pod: Object) -> bool:
    """Whether the pod is ready, and meant to stay: a Job's ends by itself."""
    if pod["spec"].get("restartPolicy", "Always") != "Always":
        return False
    conditions = {found["type"]: found["status"] for found in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def _declared_ports(pod: Object) -> set[tuple[int, Protocol]]:
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    return {(int(port["containerPort"]), Protocol(port.get("protocol", "TCP"))) for port in ports}


def _nodes(snapshot: Snapshot) -> Iterator[Target]:
    for node in snapshot.nodes:
        name, address = node["metadata"]["name"], _node_address(node)
        for port, purpose in NODE_PORTS.items():
            yield _plain(f"node {name} ({purpose})", address, port, Peer.REMOTE_NODE, node=name)
        if "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]:
            yield _plain(f"API server on {name}", address, API, Peer.API_SERVER)


def _node_address(node: Object) -> str:
    return str(next(found["address"] for found in node["status"]["addresses"] if found["type"] == "InternalIP"))
