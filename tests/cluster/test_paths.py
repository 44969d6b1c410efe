"""Each way that a packet takes: it arrives, it comes from whom it should come from, and how long a request took."""

import ipaddress
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.ground import Ground
from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.nodes import docker, kill_container
from tests.cluster.outside import PORT, Host, host_on, other_network
from tests.cluster.pods import fetch, inside
from toolchain import egress_guard, kind

REQUESTS = 20
MOST_MILLISECONDS = 500.0
"""No path is slow by itself; this much is a path that is broken in part, such as a retransmission on each request."""


@pytest.fixture
def ground(kube: Kube, namespace: str, outputs: dict[str, Any]) -> Ground:
    """The test's namespace, its image and the worker nodes."""
    nodes = kube.items("nodes", "--selector", "!node-role.kubernetes.io/control-plane")
    names = tuple(sorted(node["metadata"]["name"] for node in nodes))
    return Ground(kube, namespace, str(outputs["images"]["toolbox"]), names)


@pytest.fixture
def outside(cluster: str) -> Iterator[Host]:
    """A host beside the nodes, on the cluster's own Docker network."""
    with host_on(cluster) as host:
        yield host


Runs = Callable[..., str]


@pytest.fixture
def in_pod(ground: Ground) -> Callable[[str], Runs]:
    """How to run commands in a pod, by its name."""
    return lambda pod: lambda *command: inside(ground.kube, ground.namespace, pod, *command)


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Runs, str], None]:
    """Times requests along a path from where they are sent, and prints the milliseconds that one took."""

    def measure(path: str, runs: Runs, url: str) -> None:
        loop = f"for i in $(seq {REQUESTS}); do wget -q -T 5 -O /dev/null {url} || exit 1; done"
        before, after = runs("sh", "-c", f"cat /proc/uptime; {loop}; cat /proc/uptime").splitlines()
        took = (float(after.split()[0]) - float(before.split()[0])) * 1000 / REQUESTS
        with capsys.disabled():
            print(f"\n{path}: {took:.1f} ms a request")
        assert took < MOST_MILLISECONDS, path

    return measure


@pytest.mark.concept("J1")
def test_every_address_lies_where_the_stack_declares(kube: Kube, cluster: str, outputs: dict[str, Any]) -> None:
    """Nodes, pods, Services and load balancers each have their range; no two of them overlap."""
    pods, services = ipaddress.IPv4Network(kind.POD_SUBNET), ipaddress.IPv4Network(kind.SERVICE_SUBNET)
    network = ipaddress.IPv4Network(json.loads(docker("network", "inspect", cluster))[0]["IPAM"]["Config"][0]["Subnet"])
    assert not any(one.overlaps(other) for one, other in ((pods, services), (pods, network), (services, network)))

    shares = {}
    for node in kube.items("nodes"):
        shares[node["metadata"]["name"]] = ipaddress.IPv4Network(node["spec"]["podCIDR"])
        internal = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
        assert all(ipaddress.IPv4Address(address) in network for address in internal)
    assert all(share.subnet_of(pods) for share in shares.values())
    assert sum(share.num_addresses for share in shares.values()) == len(
        {address for share in shares.values() for address in share}
    )

    for pod in kube.items("pods", "--all-namespaces", "--field-selector", "status.phase=Running"):
        address, node = ipaddress.IPv4Address(pod["status"]["podIP"]), pod["spec"]["nodeName"]
        expected = network if pod["spec"].get("hostNetwork") else shares[node]
        assert address in expected, (pod["metadata"]["name"], address, expected)

    first, last = (ipaddress.IPv4Address(address) for address in kind.load_balancer_range(cluster))
    for service in kube.items("services", "--all-namespaces"):
        name, address = service["metadata"]["name"], service["spec"].get("clusterIP", "None")
        assert address in ("None", "") or ipaddress.IPv4Address(address) in services, name
        for given in service["status"]["loadBalancer"].get("ingress", []):
            assert first <= ipaddress.IPv4Address(given["ip"]) <= last, name


@pytest.mark.concept("J1")
def test_the_control_plane_has_the_same_ranges(kube: Kube) -> None:
    """The API server gives Services, and the controller manager gives nodes, addresses of the declared ranges."""
    assert f"--service-cluster-ip-range={kind.SERVICE_SUBNET}" in _arguments(kube, "kube-apiserver")
    assert f"--cluster-cidr={kind.POD_SUBNET}" in _arguments(kube, "kube-controller-manager")


def _arguments(kube: Kube, component: str) -> list[str]:
    pod = kube.items("pods", "--namespace", "kube-system", "--selector", f"component={component}")[0]
    return list(pod["spec"]["containers"][0]["command"])


@pytest.mark.concept("J2")
def test_containers_of_a_pod_meet_on_localhost(
    ground: Ground, in_pod: Callable[[str], Runs], measured: Callable[[str, Runs, str], None]
) -> None:
    """One container answers the other on 127.0.0.1, both have the pod's address, and no other pod is met there."""
    pair, alone = ground.server("pair"), ground.client("alone")
    client = ground.client("pair")["spec"]["containers"][0] | {"name": "asking"}
    pair["spec"]["containers"] = [client, *pair["spec"]["containers"]]
    ground.start(pair, alone)
    url = f"http://127.0.0.1:{PORT}/"
    assert in_pod("pair")("wget", "-q", "-O", "-", url) == "pair"
    assert in_pod("pair")("wget", "-q", "-O", "-", f"{url}cgi-bin/who") == "127.0.0.1"
    for container in ("asking", "toolbox"):
        seen = inside(ground.kube, ground.namespace, "pair", "ip", "-4", "addr", "show", "eth0", container=container)
        assert f"inet {ground.address('pair')}/" in seen
    assert not fetch(ground.kube, ground.namespace, "alone", url, seconds=2)[0]
    measured("container to container", in_pod("pair"), url)


@pytest.mark.concept("J3")
def test_pods_reach_pods_as_they_are(
    ground: Ground, in_pod: Callable[[str], Runs], measured: Callable[[str, Runs, str], None]
) -> None:
    """On the same node and on another one the server is reached at its own address, and sees the client's."""
    near, far = ground.workers[:2]
    ground.start(ground.server("server", near), ground.client("near", near), ground.client("far", far))
    url = f"http://{ground.address('server')}:{PORT}/"
    for client, path in (("near", "pod to pod, same node"), ("far", "pod to pod, other node")):
        assert ground.asks(client, url) == "server"
        assert ground.asks(client, f"{url}cgi-bin/who") == ground.address(client)
        measured(path, in_pod(client), url)


@pytest.mark.concept("J4")
def test_a_service_leads_to_its_pods(
    ground: Ground, in_pod: Callable[[str], Runs], measured: Callable[[str, Runs, str], None]
) -> None:
    """By name and by address, over one port, to both pods; they see the client's own address."""
    near, far = ground.workers[:2]
    ground.start(ground.server("one", near), ground.server("two", far), ground.client(node=near))
    url = f"http://{ground.service('ClusterIP')['spec']['clusterIP']}/"
    eventually(
        "both pods answer for the Service",
        lambda: {fetch(ground.kube, ground.namespace, "client", url)[1] for _ in range(6)} == {"one", "two"},
        seconds=30,
    )
    assert ground.asks("client", f"http://servers.{ground.namespace}/") in {"one", "two"}
    assert ground.asks("client", f"{url}cgi-bin/who") == ground.address("client")
    measured("pod to Service", in_pod("client"), url)


@pytest.mark.concept("J5")
def test_the_outside_reaches_a_service(
    ground: Ground, outside: Host, measured: Callable[[str, Runs, str], None]
) -> None:
    """By a port of every node, and by an address of the load balancer; not by the Service's own address."""
    ground.start(ground.server("server"))
    service = ground.service("LoadBalancer")
    nodes = [node["status"]["addresses"][0]["address"] for node in ground.kube.items("nodes")]
    urls = [f"http://{node}:{service['spec']['ports'][0]['nodePort']}/" for node in nodes]
    urls.append(f"http://{_given_address(ground)}/")
    for url in urls:
        eventually(f"{url} answers outside", lambda url=url: _answers(outside, url), seconds=30)  # type: ignore[misc]
    measured("outside to Service, by a node's port", outside.runs, urls[0])
    measured("outside to Service, by the load balancer", outside.runs, urls[-1])
    assert not _answers(outside, f"http://{service['spec']['clusterIP']}/")


def _given_address(ground: Ground) -> str:
    def ingress() -> list[dict[str, str]]:
        status = ground.kube.get("service", "servers", "--namespace", ground.namespace)["status"]
        return list(status["loadBalancer"].get("ingress", []))

    eventually("the Service has an address of the load balancer", lambda: bool(ingress()), seconds=30)
    return ingress()[0]["ip"]


def _answers(host: Host, url: str) -> bool:
    return host.runs("sh", "-c", f"wget -q -T 2 -O - {url} || true") == "server"


@pytest.mark.concept("J6")
def test_a_pod_reaches_the_outside_as_its_node(
    ground: Ground, outside: Host, in_pod: Callable[[str], Runs], measured: Callable[[str, Runs, str], None]
) -> None:
    """A host that knows nothing of pods answers: it sees the address of the pod's node."""
    ground.start(ground.client())
    assert ground.asks("client", f"{outside.url}/") == outside.name
    node = ground.kube.get("pod", "client", "--namespace", ground.namespace)["status"]["hostIP"]
    assert ground.asks("client", f"{outside.url}/cgi-bin/who") == node
    measured("pod to outside", in_pod("client"), f"{outside.url}/")


@pytest.mark.concept("J6")
def test_nothing_leaves_the_cluster_s_network(ground: Ground, cluster: str) -> None:
    """The egress guard refuses a pod's connection to a host of another network, and counts it."""
    ground.start(ground.client())
    with other_network() as beyond, host_on(beyond) as stranger:
        before = _refused(cluster)
        answered, said = fetch(ground.kube, ground.namespace, "client", f"{stranger.url}/")
        assert not answered
        assert "refused" in said, "it is rejected at once, not left to time out"
        assert _refused(cluster) > before


def _refused(cluster: str) -> int:
    """How many packets the guard's rule has rejected."""
    listed = egress_guard.counted(cluster)
    assert len(listed) == 1, listed
    return listed[0]


@pytest.mark.concept("J8")
def test_an_address_is_the_pod_s_and_not_the_container_s(ground: Ground) -> None:
    """A container that is killed comes back as another one, and the pod answers at the address that it had."""
    ground.start(ground.server("server"), ground.client())
    before = ground.kube.get("pod", "server", "--namespace", ground.namespace)
    kill_container(before)

    def again() -> bool:
        pod = ground.kube.get("pod", "server", "--namespace", ground.namespace)
        return ready(pod) and pod["status"]["containerStatuses"][0]["restartCount"] == 1

    eventually(
        "the container runs again", again, seconds=60, diagnose=lambda: ground.kube.diagnostics(ground.namespace)
    )
    after = ground.kube.get("pod", "server", "--namespace", ground.namespace)
    assert _container(after) != _container(before)
    assert after["status"]["podIP"] == before["status"]["podIP"]
    eventually(
        "it answers at its old address",
        lambda: fetch(ground.kube, ground.namespace, "client", f"http://{before['status']['podIP']}:{PORT}/")[0],
        seconds=30,
    )


def _container(pod: dict[str, Any]) -> str:
    return str(pod["status"]["containerStatuses"][0]["containerID"])
