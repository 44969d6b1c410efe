"""Pods reach each other across nodes, names resolve, and a policy drops what it does not allow."""

from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import fetch, idle_command, pod_address, start, toolbox_pod, web_server_command


@pytest.fixture
def image(outputs: dict[str, Any]) -> str:
    """The toolbox image."""
    return str(outputs["images"]["toolbox"])


@pytest.fixture
def workers(kube: Kube) -> list[str]:
    """The names of the worker nodes."""
    nodes = kube.items("nodes", "--selector", "!node-role.kubernetes.io/control-plane")
    return [node["metadata"]["name"] for node in nodes]


@pytest.mark.concept("D7")
def test_a_pod_reaches_a_pod_on_another_node(kube: Kube, namespace: str, image: str, workers: list[str]) -> None:
    """A request from a pod on one node to a pod's address on another node is answered."""
    server = toolbox_pod("server", image, web_server_command(), node=workers[0])
    client = toolbox_pod("client", image, idle_command(), node=workers[1])
    start(kube, namespace, server, client)
    answered, text = fetch(kube, namespace, "client", f"http://{pod_address(kube, namespace, 'server')}:8080/")
    assert (answered, text) == (True, "server")


@pytest.mark.concept("B7")
def test_names_of_services_resolve(kube: Kube, namespace: str, image: str) -> None:
    """A pod looks up a Service's name and gets its cluster address; a name that is not there is refused."""
    start(kube, namespace, toolbox_pod("client", image, idle_command()))
    address = kube.get("service", "catalog", "--namespace", "shop")["spec"]["clusterIP"]
    lookup = ["exec", "--namespace", namespace, "client", "--", "nslookup"]
    assert address in kube.run(*lookup, "catalog.shop.svc.cluster.local")
    missing = kube.attempt(*lookup, "nobody.shop.svc.cluster.local")
    assert missing.returncode != 0 or "NXDOMAIN" in missing.stdout + missing.stderr


@pytest.mark.concept("B5")
def test_a_policy_drops_what_it_does_not_allow(kube: Kube, namespace: str, image: str) -> None:
    """Works → a policy names another client → dropped, the named one goes on → the policy goes → works again."""
    labels = {"app": "server"}
    start(
        kube,
        namespace,
        toolbox_pod("server", image, web_server_command(), labels=labels),
        toolbox_pod("named", image, idle_command(), labels={"role": "named"}),
        toolbox_pod("stranger", image, idle_command(), labels={"role": "stranger"}),
    )
    url = f"http://{pod_address(kube, namespace, 'server')}:8080/"

    def reaches(client: str) -> bool:
        return fetch(kube, namespace, client, url, seconds=2)[0]

    assert reaches("stranger")
    assert reaches("named")
    kube.apply(_only_named(namespace, labels))
    eventually("the stranger is dropped", lambda: not reaches("stranger"), seconds=20)
    assert reaches("named")
    assert not reaches("stranger")
    kube.run("delete", "networkpolicy", "only-named", "--namespace", namespace)
    eventually("the stranger gets through again", lambda: reaches("stranger"), seconds=20)


def _only_named(namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "only-named", "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "named"}}}]}],
        },
    }
