"""The lab: each rule, as NetworkPolicy and as Cilium's, lets in whom it names and nobody else, and so outwards.

The exhibits are copied into a namespace of the test's own, where nothing but their own policies is in force.
"""

import copy
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import pytest

from infra.lab.exhibit import HTTP
from infra.lab.network_policies import (
    BY_ADDRESS,
    BY_NAMESPACE,
    BY_POD,
    BY_RANGE,
    CILIUM,
    CLOSED,
    CONFINED,
    FRIENDLY,
    GUARDED,
    GUEST,
    PORTS,
    QUARANTINED,
    RANGE_END,
)
from tests.cluster.guarded import REFUSED_SECONDS, SECONDS, comes_to, connects, guarded_copy
from tests.cluster.kube import Kube, eventually
from tests.cluster.lab import LAB, Object, exhibit, names, place, settled
from tests.cluster.outside import Host, host_on
from tests.cluster.pods import fetch, idle_command, inside, start, toolbox_pod

NETWORKS = {"kubernetes": ("", "networkpolicy"), "cilium": (CILIUM, "ciliumnetworkpolicy")}
DNS_SECONDS = 60
"""In which the name servers say a new address: they keep answers for 30 s."""
RANGE = set(range(BY_RANGE, RANGE_END + 1))


@pytest.fixture(params=list(NETWORKS))
def network(request: pytest.FixtureRequest, outputs: dict[str, Any]) -> tuple[str, str]:
    """How the exhibits of one kind of policy are called, and the kind."""
    if request.param == "cilium" and not outputs["capabilities"]["own_network"]:
        pytest.skip("needs own_network: the cluster's network is not ours")
    return NETWORKS[request.param]


@pytest.fixture
def image(outputs: dict[str, Any]) -> str:
    """The toolbox image."""
    return str(outputs["images"]["toolbox"])


@contextmanager
def other_namespace(kube: Kube, labels: dict[str, str]) -> Iterator[str]:
    """One more namespace, with labels."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"} | labels}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        yield name
    finally:
        kube.run("delete", "namespace", name, "--wait=false")


@pytest.mark.concept("I5", "I7")
def test_each_rule_lets_in_whom_it_names(kube: Kube, namespace: str, image: str, network: tuple[str, str]) -> None:
    """A guest by its label, a friend by its namespace's, the namespace's own at a range of ports; each nowhere else."""
    address = guarded_copy(kube, namespace, network)
    with other_namespace(kube, FRIENDLY) as friendly:
        start(kube, friendly, toolbox_pod("client", image, idle_command(), labels=GUEST))
        start(
            kube,
            namespace,
            toolbox_pod("guest", image, idle_command(), labels=GUEST),
            toolbox_pod("stranger", image, idle_command()),
        )
        comes_to(kube, namespace, "guest", address, {BY_POD} | RANGE)
        comes_to(kube, namespace, "stranger", address, RANGE)
        comes_to(kube, friendly, "client", address, {BY_NAMESPACE})
        kube.run("label", "pod", "stranger", *_set(GUEST), "--namespace", namespace)
        comes_to(kube, namespace, "stranger", address, {BY_POD} | RANGE)
        kube.run("label", "namespace", friendly, *_unset(FRIENDLY))
        comes_to(kube, friendly, "client", address, set())
    kube.run("delete", network[1], GUARDED + network[0], "--namespace", namespace)
    comes_to(kube, namespace, "guest", address, set(PORTS))
    assert CLOSED in PORTS


def _set(labels: dict[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in labels.items()]


def _unset(labels: dict[str, str]) -> list[str]:
    return [f"{key}-" for key in labels]


@pytest.fixture
def outsiders(cluster: str) -> Iterator[tuple[Host, Host]]:
    """Two hosts outside the cluster, on the network of its nodes."""
    with host_on(cluster) as one, host_on(cluster) as other:
        yield one, other


@pytest.mark.concept("I5", "I7", "J5")
def test_addresses_are_let_in_except_some(
    kube: Kube, namespace: str, outsiders: tuple[Host, Host], network: tuple[str, str]
) -> None:
    """Nobody outside → the network of two hosts, except one → except the other one: each time the other one is out."""
    name = GUARDED + network[0]
    policy = exhibit(kube, network[1], name)
    place(kube, namespace, policy, exhibit(kube, "deployment", name), _way_in(name))
    url = _node_port_url(kube, namespace, name)
    for outsider in outsiders:
        assert not _answered(outsider, url)
    for known, excepted in (outsiders, outsiders[::-1]):
        place(kube, namespace, _letting_in(policy, _network_of(known), excepted.address))
        eventually(f"{known.name} gets in", lambda known=known: _answered(known, url), seconds=SECONDS)  # type: ignore[misc]
        assert not _answered(excepted, url)


def _way_in(name: str) -> Object:
    """A node port that asks the node's own pod only, so that the caller's address stays what it is."""
    port = {"port": BY_ADDRESS, "targetPort": BY_ADDRESS}
    spec = {"type": "NodePort", "externalTrafficPolicy": "Local", "selector": _named(name), "ports": [port]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _named(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def _node_port_url(kube: Kube, namespace: str, name: str) -> str:
    (pod,) = settled(kube, namespace, name, 1)
    port = kube.get("service", name, "--namespace", namespace)["spec"]["ports"][0]["nodePort"]
    return f"http://{pod['status']['hostIP']}:{port}/"


def _letting_in(policy: Object, cidr: str, excepted: str) -> Object:
    """The policy with real addresses in the rule about addresses."""
    changed = copy.deepcopy(policy)
    block = {"cidr": cidr, "except": [f"{excepted}/32"]}
    for rule in changed["spec"]["ingress"]:
        if "fromCIDRSet" in rule:
            rule["fromCIDRSet"] = [block]
        for peer in rule.get("from", []):
            if "ipBlock" in peer:
                peer["ipBlock"] = block
    return changed


def _answered(outsider: Host, url: str) -> bool:
    """Whether the host gets the URL."""
    ask = f"wget -q -T {REFUSED_SECONDS} -O /dev/null {url} && echo yes || echo no"
    return outsider.runs("sh", "-c", ask) == "yes"


def _network_of(host: Host) -> str:
    """The /24 that its address lies in."""
    return str(ip_network(f"{host.address}/24", strict=False))


@pytest.mark.concept("I6", "I7", "J6")
def test_a_confined_pod_reaches_what_is_named_and_nothing_else(
    kube: Kube, namespace: str, network: tuple[str, str]
) -> None:
    """One port of one pod, and names; with Cilium's policy the API server too. Without the policy: everything."""
    name = CONFINED + network[0]
    address = guarded_copy(kube, namespace, network)
    place(kube, namespace, exhibit(kube, network[1], name), exhibit(kube, "deployment", name))
    (pod,) = settled(kube, namespace, name, 1)
    client = pod["metadata"]["name"]
    comes_to(kube, namespace, client, address, {BY_POD})
    assert "NXDOMAIN" not in inside(
        kube, namespace, client, "nslookup", "-type=a", "kubernetes.default.svc.cluster.local"
    )
    assert not fetch(kube, namespace, client, "http://gateway.edge/", seconds=REFUSED_SECONDS)[0]
    assert connects(kube, namespace, client, "kubernetes.default 443") == (network[0] == CILIUM)
    kube.run("delete", network[1], name, "--namespace", namespace)
    comes_to(kube, namespace, client, address, {BY_POD} | RANGE)
    assert connects(kube, namespace, client, "kubernetes.default 443")


@pytest.mark.concept("I7", "D9")
def test_a_name_outside_is_reached_and_follows_its_address(
    kube: Kube, namespace: str, outputs: dict[str, Any], outsiders: tuple[Host, Host]
) -> None:
    """One host by its name, not the other one by its own → the name moves to the other: that one is reached by it."""
    if not outputs["capabilities"]["own_network"]:
        pytest.skip("needs own_network: the cluster's network is not ours")
    name = CONFINED + CILIUM
    first, second = (host.address for host in outsiders)
    place(kube, namespace, *_named_outside("outside", first), *_named_outside("elsewhere", second))
    place(kube, namespace, exhibit(kube, "ciliumnetworkpolicy", name), exhibit(kube, "deployment", name))
    (client,) = names(settled(kube, namespace, name, 1))

    def reaches(host: str) -> bool:
        return fetch(kube, namespace, client, f"http://{host}:{HTTP}/", seconds=REFUSED_SECONDS)[0]

    def follows(service: str, address: str) -> bool:
        return reaches(f"{service}.{namespace}.svc.cluster.local") and reaches(address)

    eventually("the name that is permitted answers", lambda: follows("outside", first), seconds=SECONDS)
    assert not follows("elsewhere", second)
    assert not reaches(second)
    place(kube, namespace, *_named_outside("outside", second))
    eventually("the name leads to the other host", lambda: follows("outside", second), seconds=DNS_SECONDS)


def _named_outside(name: str, address: str) -> tuple[Object, Object]:
    """A Service without a selector, and where it leads."""
    service = {"type": "ClusterIP", "clusterIP": "None", "ports": [{"name": "http", "port": HTTP}]}
    metadata = {"name": name, "labels": {"kubernetes.io/service-name": name}}
    slice_ = {"addressType": "IPv4", "ports": [{"name": "http", "port": HTTP}], "endpoints": [{"addresses": [address]}]}
    return (
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, **slice_},
    )


@pytest.mark.concept("I7")
def test_a_pod_in_quarantine_reaches_nobody_and_nobody_reaches_it(
    kube: Kube, namespace: str, image: str, outputs: dict[str, Any]
) -> None:
    """Everything is permitted → the label: nothing is, both ways, though a policy permits it → without it again."""
    if not outputs["capabilities"]["own_network"]:
        pytest.skip("needs own_network: the cluster's network is not ours")
    address = guarded_copy(kube, namespace, NETWORKS["kubernetes"])
    guest = toolbox_pod("guest", image, idle_command(), labels=GUEST)
    start(kube, namespace, guest)
    (guarded,) = names(settled(kube, namespace, GUARDED, 1))
    permitted = {BY_POD} | RANGE
    for quarantined in ("guest", guarded):
        comes_to(kube, namespace, "guest", address, permitted)
        kube.run("label", "pod", quarantined, *_set(QUARANTINED), "--namespace", namespace)
        comes_to(kube, namespace, "guest", address, set())
        kube.run("label", "pod", quarantined, *_unset(QUARANTINED), "--namespace", namespace)
    comes_to(kube, namespace, "guest", address, permitted)


@pytest.mark.concept("B5", "I6")
def test_in_the_lab_itself_the_same_rules_hold(
    kube: Kube, namespace: str, image: str, network: tuple[str, str]
) -> None:
    """Beside the lab's own denial: the confined pod reaches its one port, a pod of elsewhere none."""
    (guarded,) = settled(kube, LAB, GUARDED + network[0], 1)
    (confined,) = settled(kube, LAB, CONFINED + network[0], 1)
    address = str(guarded["status"]["podIP"])
    comes_to(kube, LAB, confined["metadata"]["name"], address, {BY_POD})
    start(kube, namespace, toolbox_pod("client", image, idle_command()))
    comes_to(kube, namespace, "client", address, set())
