"""Of the network add-ons that docs/network-addons.md compares, Cilium is the one that runs."""

import json
from typing import Any

import pytest

from tests.cluster.kube import Kube, eventually
from tests.cluster.nodes import docker
from tests.cluster.pods import fetch, idle_command, pod_address, start, toolbox_pod, web_server_command

CONFIGURATIONS = "/etc/cni/net.d"


@pytest.mark.concept("I11")
def test_cilium_is_the_network_add_on_of_every_node(kube: Kube) -> None:
    """The kubelet's one CNI configuration on each node is Cilium's; kube-proxy left neither a pod nor a rule."""
    nodes = [node["metadata"]["name"] for node in kube.items("nodes")]
    for node in nodes:
        listed = docker("exec", node, "ls", CONFIGURATIONS).split()
        used = [name for name in listed if name.endswith((".conf", ".conflist"))]
        assert len(used) == 1, (node, listed)
        found = json.loads(docker("exec", node, "cat", f"{CONFIGURATIONS}/{used[0]}"))
        assert found["plugins"][0]["type"] == "cilium-cni", node
        assert "KUBE-SVC-" not in docker("exec", node, "iptables-save"), node
    assert not kube.items("pods", "--namespace", "kube-system", "--selector", "k8s-app=kube-proxy")


@pytest.mark.concept("I11")
def test_cilium_knows_each_pod_and_enforces_its_policies(kube: Kube, namespace: str, outputs: dict[str, Any]) -> None:
    """A pod is an endpoint with an identity; Flannel alone would not enforce a policy that denies all."""
    image = str(outputs["images"]["toolbox"])
    start(
        kube,
        namespace,
        toolbox_pod("server", image, web_server_command(), labels={"app": "server"}),
        toolbox_pod("client", image, idle_command()),
    )
    address = pod_address(kube, namespace, "server")
    endpoint = kube.get("ciliumendpoint", "server", "--namespace", namespace)["status"]
    assert endpoint["networking"]["addressing"][0]["ipv4"] == address
    assert "k8s:app=server" in endpoint["identity"]["labels"]

    def reaches() -> bool:
        return fetch(kube, namespace, "client", f"http://{address}:8080/", seconds=2)[0]

    assert reaches()
    kube.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "nobody", "namespace": namespace},
            "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]},
        }
    )
    eventually("nobody gets in", lambda: not reaches(), seconds=20)
    kube.run("delete", "networkpolicy", "nobody", "--namespace", namespace)
    eventually("the client gets in again", reaches, seconds=20)
