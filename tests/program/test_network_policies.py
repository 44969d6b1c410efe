"""The rendered policies: read as a network reads them, they permit exactly what is declared."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import yaml

from infra.foundation.namespaces import NAMESPACES
from policies.flows.asking import allowed
from policies.flows.flows import FLOWS
from policies.flows.identities import CATALOG, CATALOG_MIGRATION, GATEWAY, IDENTITIES, ISSUER, WEB
from policies.flows.model import End, Flow, Identity, Peer, Protocol
from policies.flows.rendering import DEFAULT_DENY, NO_METADATA, policies, selector
from tests import tools
from tests.program.recording import Recorded
from toolchain import manifests

Object = dict[str, Any]
SPACES = sorted({one.namespace for one in IDENTITIES})
CILIUM = policies(FLOWS, IDENTITIES, SPACES, cilium=True)
PLAIN = policies(FLOWS, IDENTITIES, SPACES, cilium=False)
PODS = [*IDENTITIES, Identity("shop", "new")]
OUTSIDE = [Peer.WORLD, Peer.REMOTE_NODE, Peer.API_SERVER, Peer.DNS]
TYPE = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def pod_labels(end: End) -> dict[str, str]:
    """The labels of a pod as it really is: a service's says that it is one."""
    if isinstance(end, Identity):
        return {"app.kubernetes.io/component": "service"} | end.labels
    return {"k8s-app": "kube-dns"} if end is Peer.DNS else {}


def namespace(end: End) -> str:
    return end.namespace if isinstance(end, Identity) else "kube-system"


def selects(found: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector fits; of the expressions only what is used here."""
    for expression in found.get("matchExpressions", []):
        assert expression["operator"] == "NotIn"
        if labels.get(expression["key"]) in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in found.get("matchLabels", {}).items())


def names(peer: Object, end: End) -> bool:
    """Whether a peer of a NetworkPolicy is this pod."""
    space = {"kubernetes.io/metadata.name": namespace(end)}
    is_pod = isinstance(end, Identity) or end is Peer.DNS
    return is_pod and selects(peer["namespaceSelector"], space) and selects(peer["podSelector"], pod_labels(end))


def fits(rule: Object, word: str, end: End, port: int, protocol: Protocol) -> bool:
    """Whether a rule of either kind is for this end and this port."""
    written = rule.get("ports") or rule["toPorts"][0]["ports"]
    if (str(port), protocol) not in {(str(one["port"]), one["protocol"]) for one in written}:
        return False
    if f"{word}Entities" in rule:
        return end in rule[f"{word}Entities"]
    return word not in rule or any(names(peer, end) for peer in rule[word])


def side_permits(made: Sequence[Object], direction: str, own: End, other: End, at: tuple[int, Protocol]) -> bool:
    """Whether the policies of one side permit it; who is selected by none is free."""
    if not isinstance(own, Identity):
        return True
    word = {"ingress": "from", "egress": "to"}[direction]
    governed = False
    for one in made:
        spec = one["spec"]
        chosen = spec.get("podSelector", spec.get("endpointSelector", {}))
        here = one["metadata"].get("namespace") == own.namespace and selects(chosen, pod_labels(own))
        if here and (direction in spec or direction.capitalize() in spec.get("policyTypes", [])):
            governed = True
            if any(fits(rule, word, other, *at) for rule in spec.get(direction, [])):
                return True
    return not governed


def permitted(made: Sequence[Object], source: End, destination: End, port: int, protocol: Protocol) -> bool:
    """Whether both sides permit it."""
    return side_permits(made, "egress", source, destination, (port, protocol)) and side_permits(
        made, "ingress", destination, source, (port, protocol)
    )


PORTS = sorted({(flow.port, flow.protocol) for flow in FLOWS})


def test_the_policies_permit_exactly_what_is_declared() -> None:
    """Every pair of ends, every port that any flow has: some ten thousand questions."""
    asked: list[tuple[End, End]] = [*product(PODS, PODS), *product(OUTSIDE, PODS), *product(PODS, OUTSIDE)]
    assert len(asked) * len(PORTS) > 5_000
    for (source, destination), (port, protocol) in product(asked, PORTS):
        declared = allowed(source, destination, port, protocol) is not None
        found = permitted(CILIUM, source, destination, port, protocol)
        assert found == declared, f"{source} → {destination}:{port}/{protocol}"


def test_without_cilium_pods_have_the_same_rights_among_themselves() -> None:
    """But for the ports of flows to or from the outside, which are open to everybody then."""
    open_ends = {
        (flow.destination, flow.port)
        for flow in FLOWS
        if flow.source in (Peer.WORLD, Peer.API_SERVER, Peer.REMOTE_NODE)
    }
    for source, destination in product(IDENTITIES, IDENTITIES):
        for port, protocol in PORTS:
            declared = allowed(source, destination, port, protocol) is not None
            found = permitted(PLAIN, source, destination, port, protocol)
            assert found == declared or (destination, port) in open_ends, f"{source} → {destination}:{port}"
    assert permitted(PLAIN, WEB, Peer.API_SERVER, 6443, Protocol.TCP)
    assert permitted(PLAIN, Peer.WORLD, GATEWAY, 8080, Protocol.TCP)
    assert permitted(PLAIN, Peer.API_SERVER, ISSUER, 8443, Protocol.TCP)
    assert not permitted(PLAIN, CATALOG, Peer.API_SERVER, 6443, Protocol.TCP)


def test_a_pod_of_another_namespace_is_somebody_else_whatever_it_calls_itself() -> None:
    stranger = Identity("elsewhere", "gateway")
    assert permitted(CILIUM, GATEWAY, CATALOG, 8080, Protocol.TCP)
    assert not permitted(CILIUM, stranger, CATALOG, 8080, Protocol.TCP)


def test_each_flow_is_needed_by_both_sides() -> None:
    """Without any one of the flows, what it permits is denied."""
    between = [flow for flow in FLOWS if isinstance(flow.source, Identity) and isinstance(flow.destination, Identity)]
    for flow in between:
        rest = [other for other in FLOWS if other is not flow]
        made = policies(rest, IDENTITIES, SPACES, cilium=True)
        assert not permitted(made, *flow.permission), flow


def test_a_migration_is_not_taken_for_its_service() -> None:
    assert selects(selector(CATALOG, IDENTITIES), pod_labels(CATALOG))
    assert not selects(selector(CATALOG, IDENTITIES), pod_labels(CATALOG_MIGRATION))
    assert not selects(selector(CATALOG_MIGRATION, IDENTITIES), pod_labels(CATALOG))
    assert selector(GATEWAY, IDENTITIES) == {"matchLabels": {"app.kubernetes.io/name": "gateway"}}


@pytest.mark.parametrize("made", [CILIUM, PLAIN], ids=["cilium", "plain"])
def test_every_namespace_denies_by_default(made: list[Object]) -> None:
    denials = [one for one in made if one["metadata"]["name"] == DEFAULT_DENY]
    assert [one["metadata"]["namespace"] for one in denials] == SPACES
    assert {str(one["spec"]) for one in denials} == {str({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})}


def test_the_network_policies_are_valid_by_kubernetes_own_description() -> None:
    tools.kubeconform()
    assert manifests.problems(yaml.safe_dump_all(PLAIN)) == []


def test_nothing_is_made_where_there_is_no_namespace() -> None:
    made = policies(FLOWS, IDENTITIES, ["shop"], cilium=True)
    assert {one["metadata"].get("namespace") for one in made} == {"shop", None}


def test_the_metadata_address_is_denied_to_everybody_and_nothing_else_with_it() -> None:
    (one,) = [one for one in CILIUM if one["metadata"]["name"] == NO_METADATA]
    assert one["spec"] == {
        "endpointSelector": {},
        "egressDeny": [{"toCIDR": ["169.254.169.254/32"]}],
        "enableDefaultDeny": {"ingress": False, "egress": False},
    }
    assert not [one for one in PLAIN if one["apiVersion"].startswith("cilium")]


def _key(one: Object) -> tuple[str, str | None, str]:
    return one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def test_no_two_objects_of_a_kind_share_a_name() -> None:
    seen = [_key(one) for one in CILIUM]
    assert len(set(seen)) == len(seen)


def test_a_flow_more_changes_the_two_policies_of_its_ends() -> None:
    more = [*FLOWS, Flow(CATALOG, GATEWAY, 8080, "a test")]
    changed = [one for one in policies(more, IDENTITIES, SPACES, cilium=True) if one not in CILIUM]
    assert {(one["kind"], one["metadata"]["name"]) for one in changed} == {
        ("NetworkPolicy", "catalog"),
        ("NetworkPolicy", "gateway"),
    }


def test_the_program_makes_them_before_any_pod(kind_stack: Recorded, existing_stack: Recorded) -> None:
    """And Cilium's kinds only where the network is ours."""
    for stack, cilium in ((kind_stack, True), (existing_stack, False)):
        made = [one for one in stack.kubernetes() if one.parent == stack.one("blueprint:security:NetworkPolicies").urn]
        expected = policies(FLOWS, IDENTITIES, NAMESPACES, cilium=cilium)
        assert {_key(one.inputs): one.inputs["spec"] for one in made} == {_key(one): one["spec"] for one in expected}
        urns = {one.urn for one in made}
        for store in stack.of_type("kubernetes:apps/v1:StatefulSet"):
            assert urns <= stack.before(store), store.name
        releases = [one for one in stack.of_type("kubernetes:helm.sh/v3:Release") if one.name != "cilium"]
        assert all(urns <= stack.before(one) for one in releases)
