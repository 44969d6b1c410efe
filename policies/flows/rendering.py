"""The policies that follow from the flows, as manifests.

A Kubernetes NetworkPolicy says what it can: pods, by their labels and their namespace. What it cannot say are the ends
that have no labels: the API server, nodes, and the outside, apart from pods that happen to have an address there. For
these there is a CiliumNetworkPolicy of the same name. On a cluster with another network they become a rule for every
address, of that one port: wider than declared, and the most that can be said there.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies.flows.model import COMPONENT_LABEL, NAME_LABEL, End, Flow, Identity, Peer, Protocol

Object = dict[str, Any]
Port = tuple[int, Protocol]

NETWORK_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
CILIUM_POLICY = ("cilium.io/v2", "CiliumNetworkPolicy")
CILIUM_CLUSTER_POLICY = ("cilium.io/v2", "CiliumClusterwideNetworkPolicy")
DEFAULT_DENY = "default-deny"
NO_METADATA = "no-metadata"
METADATA_ADDRESS = "169.254.169.254/32"
"""The same on AWS, Google Cloud and Azure."""
PART_OF = {"app.kubernetes.io/part-of": "blueprint", COMPONENT_LABEL: "network-policy"}
_NAMESPACE = "kubernetes.io/metadata.name"
_NAME_SERVERS = {
    "namespaceSelector": {"matchLabels": {_NAMESPACE: "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
_ENTITIES = (Peer.REMOTE_NODE, Peer.API_SERVER, Peer.WORLD)
"""The ends that only Cilium can name."""


def policies(
    flows: Sequence[Flow], identities: Iterable[Identity], namespaces: Iterable[str], *, cilium: bool
) -> list[Object]:
    """All policies of the suite.

    Args:
        flows: what is permitted.
        identities: who there is.
        namespaces: which namespaces there are. Nothing is made for identities of others.
        cilium: whether the cluster's network is Cilium.
    """
    known, spaces = tuple(identities), tuple(namespaces)
    made = [default_deny(space) for space in spaces]
    for identity in known:
        if identity.namespace in spaces:
            made += _policies_of(identity, flows, known, cilium)
    return [*made, no_metadata()] if cilium else made


def default_deny(namespace: str) -> Object:
    """Denies everything, both ways, to every pod of the namespace, the ones that nobody thought of included."""
    return _object(NETWORK_POLICY, DEFAULT_DENY, namespace, {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})


def no_metadata() -> Object:
    """Denies every pod of the cluster the address of clouds' metadata, and nothing else.

    A denial wins over every permission, and without `enableDefaultDeny` it would itself deny the rest of the egress.
    Source: https://docs.cilium.io/en/stable/security/policy/intro/#policy-enforcement-modes
    """
    spec = {
        "endpointSelector": {},
        "egressDeny": [{"toCIDR": [METADATA_ADDRESS]}],
        "enableDefaultDeny": {"ingress": False, "egress": False},
    }
    return _object(CILIUM_CLUSTER_POLICY, NO_METADATA, None, spec)


def selector(identity: Identity, known: Iterable[Identity]) -> Object:
    """The label selector of exactly these pods: those that share the name but are somebody else are left out."""
    if identity.component:
        return {"matchLabels": identity.labels}
    others = sorted(
        other.component
        for other in known
        if (other.namespace, other.name) == (identity.namespace, identity.name) and other.component
    )
    apart = [{"key": COMPONENT_LABEL, "operator": "NotIn", "values": others}] if others else []
    return {"matchLabels": identity.labels} | ({"matchExpressions": apart} if apart else {})


def _policies_of(identity: Identity, flows: Sequence[Flow], known: Sequence[Identity], cilium: bool) -> list[Object]:
    """The identity's own policies: at most one of each kind. With no flow there is none, and the namespace's holds."""
    inward = _peers((flow.source, flow) for flow in flows if flow.destination == identity)
    outward = _peers((flow.destination, flow) for flow in flows if flow.source == identity)
    own = selector(identity, known)
    plain = {
        "ingress": _plain_rules("from", inward, known, cilium),
        "egress": _plain_rules("to", outward, known, cilium),
    }
    made = _policy(NETWORK_POLICY, identity, {"podSelector": own}, plain)
    if cilium:
        entities = {"ingress": _entity_rules("from", inward), "egress": _entity_rules("to", outward)}
        made += _policy(CILIUM_POLICY, identity, {"endpointSelector": own}, entities)
    return made


def _policy(
    kind: tuple[str, str], identity: Identity, selected: Object, rules: Mapping[str, list[Object]]
) -> list[Object]:
    said = {direction: found for direction, found in rules.items() if found}
    if not said:
        return []
    types = {"policyTypes": [direction.capitalize() for direction in said]} if kind is NETWORK_POLICY else {}
    labels = {NAME_LABEL: identity.name}
    return [_object(kind, identity.policy_name, identity.namespace, {**selected, **types, **said}, labels)]


def _object(
    kind: tuple[str, str], name: str, namespace: str | None, spec: Object, labels: Mapping[str, str] | None = None
) -> Object:
    place = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **place, "labels": {**PART_OF, **(labels or {})}}
    return {"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}


def _peers(ends: Iterable[tuple[End, Flow]]) -> dict[tuple[Port, ...], list[End]]:
    """Who is at the other end, by the ports that they share."""
    ports: dict[End, list[Port]] = {}
    for end, flow in ends:
        ports.setdefault(end, []).append((flow.port, flow.protocol))
    shared: dict[tuple[Port, ...], list[End]] = {}
    for end, used in ports.items():
        shared.setdefault(tuple(sorted(used)), []).append(end)
    return shared


def _plain_rules(
    word: str, peers: Mapping[tuple[Port, ...], list[End]], known: Sequence[Identity], cilium: bool
) -> list[Object]:
    """The rules of a NetworkPolicy in one direction; `word` is how that direction names the other end."""
    rules: list[Object] = []
    for ports, ends in peers.items():
        written = [{"port": port, "protocol": str(protocol)} for port, protocol in ports]
        pods = [_pods(end, known) for end in ends if end is Peer.DNS or isinstance(end, Identity)]
        if pods:
            rules.append({word: pods, "ports": written})
        if not cilium and any(end in _entities(word) for end in ends):
            rules.append({"ports": written})  # a rule that names nobody is for everybody
    return rules


def _pods(end: End, known: Sequence[Identity]) -> Object:
    if not isinstance(end, Identity):
        return _NAME_SERVERS
    return {
        "namespaceSelector": {"matchLabels": {_NAMESPACE: end.namespace}},
        "podSelector": selector(end, known),
    }


def _entity_rules(word: str, peers: Mapping[tuple[Port, ...], list[End]]) -> list[Object]:
    """The rules of a CiliumNetworkPolicy in one direction."""
    rules: list[Object] = []
    for ports, ends in peers.items():
        entities = [str(end) for end in ends if end in _entities(word)]
        if entities:
            written = [{"port": str(port), "protocol": str(protocol)} for port, protocol in ports]
            rules.append({f"{word}Entities": entities, "toPorts": [{"ports": written}]})
    return rules


def _entities(word: str) -> tuple[Peer, ...]:
    """The ends of that direction which need a rule. A pod's own node needs none inward: Kubernetes lets it in."""
    return (*_ENTITIES, Peer.HOST) if word == "to" else _ENTITIES
