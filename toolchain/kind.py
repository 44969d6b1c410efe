"""The kind cluster: its nodes, its network, and the registry that its nodes pull from.

Owns making, mending and removing them, and telling in which state they are. It knows nothing of Pulumi, which calls it
through `infra.cluster.kind`, nor of what runs on the cluster.
"""

import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

import yaml

from toolchain import egress_guard, network, programs, registry
from toolchain.control_plane import folder, kubeadm
from toolchain.errors import ToolchainError
from toolchain.shell import run

POD_SUBNET = "10.244.0.0/16"
SERVICE_SUBNET = "10.96.0.0/16"
GATEWAY_NODE_PORT = 30080
CREATE_SECONDS = 600
COMMAND_SECONDS = 60
READY_SECONDS = 180
STOP_SECONDS = 10
_LEAST_ADDRESSES = 128
_COMPLETE = "/kind/blueprint-complete"
"""A file of the control plane's node, written last: how many nodes the cluster has."""
_ADDRESSES = "addresses.json"
"""A file of the control plane's folder: node → the address that it was made with.

Docker gives a container the lowest free address whenever it starts, so nodes that start in another order change theirs.
Cilium's agents take their node's address from the API server when they start, and keep what may be the old one.
Sources: https://github.com/kubernetes-sigs/kind/issues/2045, https://github.com/cilium/cilium/pull/47981
"""
_CLUSTER_LABEL = "io.x-k8s.kind.cluster"
_NO_PROXY = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")
"""kind hands its proxies to the nodes. The guard keeps these from any proxy, so the API server must not ask one."""


@dataclass(frozen=True)
class Spec:
    """What decides a cluster. A change of any field makes another cluster.

    Attributes:
        name: of the cluster and of its Docker network.
        workers: worker nodes beside the one control plane.
        gateway_port: port of the host's loopback that leads to the gateway's NodePort.
        registry_port: port of the host's loopback on which the registry takes images.
        node_image: the nodes' image.
        registry_image: the registry's image.
        control_plane: tells one way of making the control plane from another.
    """

    name: str
    workers: int
    gateway_port: int
    registry_port: int
    node_image: str
    registry_image: str
    control_plane: str = kubeadm.FINGERPRINT

    @property
    def registry(self) -> str:
        """The registry's address as the nodes and the manifests name it."""
        return registry.address(self.name)


class Health(StrEnum):
    """The states of a cluster that call for different mending."""

    ABSENT = "absent"
    FOREIGN = "foreign"
    HALF_MADE = "half made"
    LACKS_NODES = "lacks nodes"
    STOPPED = "stopped"
    MOVED = "at other addresses"
    SILENT = "does not answer"
    HEALTHY = "healthy"


def configuration(spec: Spec) -> dict[str, object]:
    """kind's configuration: no default network and no kube-proxy (Cilium does both), the gateway's port, the registry,
    and the control plane's files.

    Source: https://kind.sigs.k8s.io/docs/user/configuration/ and https://kind.sigs.k8s.io/docs/user/local-registry/
    """
    gateway = {"containerPort": GATEWAY_NODE_PORT, "hostPort": spec.gateway_port, "listenAddress": "127.0.0.1"}
    kubelet = {"kind": "KubeletConfiguration", "apiVersion": "kubelet.config.k8s.io/v1beta1", "failCgroupV1": False}
    control_plane = {
        "role": "control-plane",
        "extraPortMappings": [gateway],
        "extraMounts": [kubeadm.kind_mount(str(folder.path(spec.name)))],
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": spec.name,
        "networking": {
            "disableDefaultCNI": True,
            "kubeProxyMode": "none",
            "podSubnet": POD_SUBNET,
            "serviceSubnet": SERVICE_SUBNET,
        },
        "kubeadmConfigPatches": [yaml.safe_dump(kubelet), *kubeadm.patches()],
        "containerdConfigPatches": [
            '[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n'
        ],
        "nodes": [control_plane, *({"role": "worker"} for _ in range(spec.workers))],
    }


def health(name: str) -> Health:
    """The cluster's state, from its containers and from its API server.

    Raises:
        ToolchainError: Docker does not answer.
    """
    nodes = _nodes(name)
    if not nodes:
        return Health.ABSENT
    if any(node.network != name for node in nodes) or not network.is_ours(name):
        return Health.FOREIGN
    if all(node.name != f"{name}-control-plane" for node in nodes):
        return Health.HALF_MADE
    if any(not node.running for node in nodes) or not registry.runs(name):
        return Health.STOPPED if len(nodes) > 1 else Health.HALF_MADE
    return _health_of_running(name, len(nodes))


def _health_of_running(name: str, nodes: int) -> Health:
    complete = _number_of_nodes(name)
    if complete is None:
        return Health.HALF_MADE
    if nodes < complete:
        return Health.LACKS_NODES
    if _moved(name):
        return Health.MOVED
    return Health.HEALTHY if _answers(name) else Health.SILENT


def create(spec: Spec, files: Mapping[str, str]) -> None:
    """Makes the network with its guard, the registry and the nodes. A failure leaves no node behind.

    One that an earlier making left half made is removed first; one that is complete has data on it, and is not.

    Args:
        spec: which cluster.
        files: what its control plane is told, from `control_plane.configuration`.

    Raises:
        ToolchainError: a cluster of that name is there, a port is taken, or kind failed.
    """
    found = health(spec.name)
    if found is Health.FOREIGN:
        refuse_foreign(spec.name)
    if found not in (Health.ABSENT, Health.HALF_MADE):
        refuse_unknown(spec.name)
    if found is Health.HALF_MADE:
        delete(spec.name)
    network.ensure(spec.name)
    egress_guard.apply(spec.name)
    registry.remove(spec.name)
    registry.run(spec.name, spec.registry_port, spec.registry_image)
    folder.make(spec.name, files)
    _kind(
        spec.name,
        ["create", "cluster", "--config", "-", "--image", spec.node_image],
        stdin=yaml.safe_dump(configuration(spec)),
        seconds=CREATE_SECONDS,
    )
    nodes = _nodes(spec.name)
    for node in nodes:
        registry.trust(node.name, spec.registry)
    folder.write(spec.name, {_ADDRESSES: json.dumps(_addresses(spec.name))})
    _docker("exec", "-i", f"{spec.name}-control-plane", "cp", "/dev/stdin", _COMPLETE, stdin=str(len(nodes)))


def start(name: str, registry_port: int, registry_image: str) -> None:
    """Starts the containers of a cluster, each at the address it was made with, and waits for its API server.

    A registry that is gone is made anew on its volume. Nodes at other addresses, as after a reboot, are stopped first.

    Args:
        name: the cluster's.
        registry_port: port of the host's loopback on which the registry takes images.
        registry_image: the registry's image.

    Raises:
        ToolchainError: a node has another address, or the API server did not answer within 180 s.
    """
    egress_guard.apply(name)
    registry.ensure(name, registry_port, registry_image)
    order = _in_order_of_their_addresses(name)
    if _moved(name):
        _docker("stop", "--time", str(STOP_SECONDS), *order)
    for container in [registry.name(name), *order]:
        paused = _docker("inspect", "--format", "{{.State.Paused}}", container).strip() == "true"
        _docker("unpause" if paused else "start", container)
    moved = _moved(name)
    if moved:
        raise ToolchainError(
            f"{', '.join(moved)}: not at the address that the node was made with",
            f"nodes keep their addresses, and nothing else takes them: see `docker network inspect {name}`",
            "remove what took them, then `make up`; or `make down`, then `make up`",
        )
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(name):
        if time.monotonic() > deadline:
            raise ToolchainError(
                f"the API server of {name!r} is silent",
                f"it answers within {READY_SECONDS} s after its containers started",
                "`make down`, then `make up`",
            )
        time.sleep(1)


def delete(name: str) -> None:
    """Removes nodes, registry, network, guard, volumes and the control plane's files. What is gone already is fine.

    Raises:
        ToolchainError: a cluster of that name is not ours, or Docker refused.
    """
    if health(name) is Health.FOREIGN:
        refuse_foreign(name)
    _kind(name, ["delete", "cluster", "--name", name])
    registry.remove(name)
    egress_guard.remove(name)
    network.remove(name)
    folder.remove(name)


def kubeconfig(name: str) -> str:
    """An administrator's kubeconfig (YAML text), by the API server's port on the host's loopback."""
    return _kind(name, ["get", "kubeconfig", "--name", name])


def load_balancer_range(name: str) -> tuple[str, str]:
    """First and last address of the cluster's network that Services of type LoadBalancer may take.

    They are the network's highest ones: Docker gives containers the lowest.

    Raises:
        ToolchainError: the network has no subnet that is large enough.
    """
    found = json.loads(_docker("network", "inspect", name))[0]["IPAM"]["Config"]
    subnets = [ipaddress.ip_network(entry["Subnet"]) for entry in found]
    for subnet in subnets:
        if subnet.version == 4 and subnet.num_addresses >= _LEAST_ADDRESSES:
            last = subnet.broadcast_address - 5
            return str(last - 49), str(last)
    raise ToolchainError(
        f"the Docker network {name!r} has the subnets {', '.join(map(str, subnets)) or 'none'}",
        f"the nodes and the load balancer need one of IPv4 with {_LEAST_ADDRESSES} addresses or more",
        "choose larger `default-address-pools` in Docker's daemon.json, then `make down` and `make up`",
    )


def refuse_foreign(name: str) -> None:
    """Refuses to touch a cluster that somebody else made.

    Raises:
        ToolchainError: always.
    """
    raise ToolchainError(
        f"a kind cluster named {name!r} is there that this project did not make",
        "only clusters made by `make up` are touched",
        f"choose another name (BLUEPRINT_CLUSTER=…), or remove it yourself: kind delete cluster --name {name}",
    )


def refuse_unknown(name: str) -> None:
    """Refuses to make a cluster anew that is there, and may hold data, because the stack's state does not know it.

    Raises:
        ToolchainError: always.
    """
    raise ToolchainError(
        f"a cluster {name!r} made by this project is there, but the state in .blueprint/ does not know it",
        "cluster and state belong together",
        "`make down` removes the cluster and its data; then `make up`",
    )


@dataclass(frozen=True)
class _Node:
    name: str
    running: bool
    network: str


def _nodes(name: str) -> list[_Node]:
    lines = _docker(
        "ps", "--all", "--filter", f"label={_CLUSTER_LABEL}={name}", "--format", "{{.Names}} {{.State}} {{.Networks}}"
    ).splitlines()
    fields = [line.split(" ") for line in sorted(lines)]
    return [_Node(found, state == "running", networks) for found, state, networks in fields]


def _addresses(name: str) -> dict[str, str]:
    """The nodes that run, and their addresses now."""
    attached = json.loads(_docker("network", "inspect", name))[0]["Containers"].values()
    now = {container["Name"]: container["IPv4Address"].partition("/")[0] for container in attached}
    return {node.name: now[node.name] for node in _nodes(name) if node.name in now}


def _made_with(name: str) -> dict[str, str]:
    """The nodes, and the addresses that they were made with; none where the cluster's folder does not say."""
    file = folder.path(name) / _ADDRESSES
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _moved(name: str) -> list[str]:
    """The nodes that run at another address than they were made with."""
    made_with = _made_with(name)
    return [node for node, address in _addresses(name).items() if made_with.get(node, address) != address]


def _in_order_of_their_addresses(name: str) -> list[str]:
    """The nodes in the order in which they get back the addresses that they were made with."""
    made_with = _made_with(name)
    nodes = [node.name for node in _nodes(name)]
    return sorted(nodes, key=lambda node: ipaddress.IPv4Address(made_with.get(node, 0)))


def _number_of_nodes(name: str) -> int | None:
    """How many nodes the cluster was made with; None where its making did not end.

    Raises:
        ToolchainError: the node cannot be asked, which says nothing of the cluster.
    """
    ask = f"cat {_COMPLETE} 2>/dev/null || echo unfinished"
    answer = _docker("exec", f"{name}-control-plane", "sh", "-c", ask).strip()
    if answer == "unfinished":
        return None
    return int(answer) if answer.isdigit() else 0  # clusters of earlier versions do not say


def _answers(name: str) -> bool:
    command = [
        "kubectl",
        "--kubeconfig",
        "/etc/kubernetes/admin.conf",
        "--request-timeout=5s",
        "get",
        "--raw",
        "/readyz",
    ]
    return _holds(["docker", "exec", f"{name}-control-plane", *command])


def _holds(command: list[str]) -> bool:
    try:
        run(command, seconds=COMMAND_SECONDS, remedy="run `make up` again")
    except ToolchainError:
        return False  # a question, not an act: the answer is no
    return True


def _docker(*arguments: str, stdin: str | None = None) -> str:
    remedy = "check `docker info`, then run `make up` again"
    return run(["docker", *arguments], seconds=COMMAND_SECONDS, remedy=remedy, stdin=stdin)


def _kind(cluster: str, arguments: list[str], *, stdin: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
    return run(
        [str(programs.ensure("kind")), *arguments],
        seconds=seconds,
        remedy="read the lines above, then run `make up` again",
        stdin=stdin,
        environment={"KIND_EXPERIMENTAL_DOCKER_NETWORK": cluster, **_NO_PROXY},
    )


def as_inputs(spec: Spec) -> dict[str, object]:
    """The spec as plain values, as Pulumi keeps it in its state."""
    return asdict(spec)
