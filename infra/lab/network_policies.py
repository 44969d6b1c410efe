"""Who may reach a pod, and whom it may reach: each rule as Kubernetes' NetworkPolicy and as Cilium's, side by side.

Two pods, `guarded` and `guarded-by-cilium`, answer on the same ports; at each port another rule decides who may come.
Two more, `confined` and `confined-by-cilium`, may reach one port each and look up names, and nothing else. What holds
for every namespace of the suite holds here too: what no policy permits is denied.

The rules that only Cilium has: an entity, such as the API server, which has no labels and whose address may change; a
name outside the cluster, whatever address it has now; and a policy of the whole cluster, which may also deny, and a
denial wins over all that is permitted anywhere.
"""

from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from infra.lab.exhibit import (
    COMPONENT,
    CONCEPT,
    HTTP,
    SCRATCH,
    Room,
    container,
    deployment,
    idle,
    metadata,
    pod,
    until_stopped,
)
from infra.lib.labels import labels, selector

GUARDED, CONFINED = "guarded", "confined"
CILIUM = "-by-cilium"
BY_POD, BY_NAMESPACE, BY_ADDRESS, BY_RANGE = HTTP, HTTP + 1, HTTP + 2, HTTP + 3
RANGE_END = BY_RANGE + 1
CLOSED = RANGE_END + 1
"""A port that answers and that no rule opens."""
PORTS = range(BY_POD, CLOSED + 1)
GUEST = {"blueprint/guest": "true"}
"""What a pod must carry to be let in by the rule about pods."""
FRIENDLY = {"blueprint/friendly": "true"}
"""What a namespace must carry to have all its pods let in by the rule about namespaces."""
NETWORK, EXCEPT = "192.0.2.0/24", "192.0.2.128/25"
"""Addresses of documentation (RFC 5737), which are nobody's: at rest this rule lets nobody in."""
QUARANTINE = "quarantine"
QUARANTINED = {"blueprint/quarantine": "true"}
API_SERVER_PORT = 6443
OUTSIDE = "outside.*.svc.cluster.local"
"""A Service without a selector, whose endpoints are addresses outside the cluster: a name of one's own for them."""
_NAMESPACE = "kubernetes.io/metadata.name"
_CILIUM_NAMESPACE = "k8s:io.kubernetes.pod.namespace"
_CILIUM_LABELS_OF_NAMESPACE = "k8s:io.cilium.k8s.namespace.labels."
Spec = dict[str, Any]
"""As the API has it: written so, the two kinds of policy can be read beside each other."""


def show(room: Room, cilium: bool, opts: pulumi.ResourceOptions) -> None:
    """The pods and their rules; those of Cilium only where the cluster's network is Cilium."""
    _pods(room, "", "I5 I6", opts)
    kubernetes: dict[str, tuple[str, Any]] = {GUARDED: ("I5", ingress()), CONFINED: ("I6", egress())}
    for name, (concept, spec) in kubernetes.items():
        NetworkPolicy(name, metadata=metadata(room, name, concept), spec=spec, opts=opts)
    if cilium:
        _pods(room, CILIUM, "I7", opts)
        for name, spec in ((GUARDED + CILIUM, cilium_ingress()), (CONFINED + CILIUM, cilium_egress())):
            _cilium("CiliumNetworkPolicy", metadata(room, name, "I7"), spec, opts)
        about = ObjectMetaArgs(name=QUARANTINE, labels=labels(QUARANTINE, COMPONENT), annotations={CONCEPT: "I7"})
        _cilium("CiliumClusterwideNetworkPolicy", about, quarantine(), opts)


def _pods(room: Room, network: str, concepts: str, opts: pulumi.ResourceOptions) -> None:
    for name, command, more in ((GUARDED, answers(), None), (CONFINED, idle(), GUEST)):
        full = name + network
        spec = deployment(full, pod([container(room.toolbox, name, command)]), more=more)
        Deployment(full, metadata=metadata(room, full, concepts), spec=spec, opts=opts)


def _cilium(kind: str, about: ObjectMetaArgs, spec: Spec, opts: pulumi.ResourceOptions) -> None:
    CustomResource(str(about.name), api_version="cilium.io/v2", kind=kind, metadata=about, spec=spec, opts=opts)


def answers() -> list[str]:
    """Says its name on every port."""
    web = f"{SCRATCH}/web"
    beside = [f"httpd -p {port} -h {web}" for port in PORTS[1:]]
    return until_stopped(f"mkdir {web}", f"hostname > {web}/index.html", *beside, f"httpd -f -p {PORTS[0]} -h {web}")


def ingress() -> Spec:
    """Who may come, each rule at its own port. Rules add up: who fits one of them may come, to the ports of that one.

    Within one peer all must fit: a namespaceSelector and a podSelector side by side are pods of this sort in namespaces
    of that sort; a podSelector alone is pods of this namespace, and an empty one is all of them. An ipBlock is for what
    is outside the cluster.
    Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/
    """
    return {
        "podSelector": {"matchLabels": selector(GUARDED)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"podSelector": {"matchLabels": GUEST}}], "ports": [_port(BY_POD)]},
            {"from": [{"namespaceSelector": {"matchLabels": FRIENDLY}}], "ports": [_port(BY_NAMESPACE)]},
            {"from": [{"ipBlock": {"cidr": NETWORK, "except": [EXCEPT]}}], "ports": [_port(BY_ADDRESS)]},
            {"from": [{"podSelector": {}}], "ports": [_port(BY_RANGE) | {"endPort": RANGE_END}]},
        ],
    }


def _port(port: int, protocol: str = "TCP") -> Spec:
    return {"port": port, "protocol": protocol}


def cilium_ingress() -> Spec:
    """The same rules. To Cilium the labels of its namespace are a pod's own, under names that begin in their own way.

    Pods are those of this namespace unless something is said about namespaces.
    Source: https://docs.cilium.io/en/stable/security/policy/language/
    """
    friendly = {f"{_CILIUM_LABELS_OF_NAMESPACE}{key}": value for key, value in FRIENDLY.items()}
    elsewhere = {"matchExpressions": [{"key": _CILIUM_NAMESPACE, "operator": "Exists"}]}
    return {
        "endpointSelector": {"matchLabels": selector(GUARDED + CILIUM)},
        "ingress": [
            {"fromEndpoints": [{"matchLabels": GUEST}], "toPorts": _cilium_ports(BY_POD)},
            {"fromEndpoints": [elsewhere | {"matchLabels": friendly}], "toPorts": _cilium_ports(BY_NAMESPACE)},
            {"fromCIDRSet": [{"cidr": NETWORK, "except": [EXCEPT]}], "toPorts": _cilium_ports(BY_ADDRESS)},
            {"fromEndpoints": [{}], "toPorts": _cilium_ports(BY_RANGE, end=RANGE_END)},
        ],
    }


def _cilium_ports(port: int, *protocols: str, end: int | None = None) -> list[Spec]:
    last = {"endPort": end} if end else {}
    return [{"ports": [{"port": str(port), "protocol": name, **last} for name in protocols or ("TCP",)]}]


def egress() -> Spec:
    """Whom it may reach: one pod at one port, and the name servers, without which it would find nobody by name.

    Both sides must permit: that the pod may go says nothing of whether the other one lets it in.
    """
    name_servers = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return {
        "podSelector": {"matchLabels": selector(CONFINED)},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [{"podSelector": {"matchLabels": selector(GUARDED)}}], "ports": [_port(BY_POD)]},
            {"to": [name_servers], "ports": [_port(53, "UDP"), _port(53)]},
        ],
    }


def cilium_egress() -> Spec:
    """The same, and two ends that a NetworkPolicy cannot name.

    The entity `kube-apiserver` is whatever addresses it has now. A name stands for the addresses that this pod was
    answered when it asked for it, for as long as they were good: so Cilium must see the answers, and the rule about
    the name servers says that it is to look.
    Source: https://docs.cilium.io/en/stable/security/dns/
    """
    name_servers = {"matchLabels": {_CILIUM_NAMESPACE: "kube-system", "k8s-app": "kube-dns"}}
    (dns,) = _cilium_ports(53, "UDP", "TCP")
    seen = dns | {"rules": {"dns": [{"matchPattern": "*"}]}}
    return {
        "endpointSelector": {"matchLabels": selector(CONFINED + CILIUM)},
        "egress": [
            {"toEndpoints": [{"matchLabels": selector(GUARDED + CILIUM)}], "toPorts": _cilium_ports(BY_POD)},
            {"toEndpoints": [name_servers], "toPorts": [seen]},
            {"toEntities": ["kube-apiserver"], "toPorts": _cilium_ports(API_SERVER_PORT)},
            {"toFQDNs": [{"matchPattern": OUTSIDE}], "toPorts": _cilium_ports(HTTP)},
        ],
    }


def quarantine() -> Spec:
    """Cuts off every pod of the cluster that carries the label, at once, whatever permits its connections elsewhere.

    To look at a pod that may be broken into: it lives on, and reaches nobody. Its node still probes it.
    `kubectl label pod <name> blueprint/quarantine=true`
    """
    everybody: list[Spec] = [{}]
    return {
        "endpointSelector": {"matchLabels": QUARANTINED},
        "ingressDeny": [{"fromEndpoints": everybody}, {"fromEntities": ["world", "remote-node"]}],
        "egressDeny": [{"toEndpoints": everybody}, {"toEntities": ["world", "host", "remote-node", "kube-apiserver"]}],
    }
