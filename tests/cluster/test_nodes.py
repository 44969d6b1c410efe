"""The cluster itself: its nodes, its network's agents, its metrics API, its registry."""

import json
import re
from typing import Any

import pytest

from infra.foundation.namespaces import NODE_AGENTS
from tests.cluster.kube import Kube, eventually


def test_three_nodes_are_ready_with_the_locked_version(kube: Kube) -> None:
    """Three nodes are Ready and run Kubernetes 1.35 or later."""
    nodes = kube.items("nodes")
    assert len(nodes) == 3
    for node in nodes:
        conditions = {found["type"]: found["status"] for found in node["status"]["conditions"]}
        assert conditions["Ready"] == "True", node["metadata"]["name"]
        version = re.match(r"v(\d+)\.(\d+)", node["status"]["nodeInfo"]["kubeletVersion"])
        assert version and (int(version[1]), int(version[2])) >= (1, 35)


@pytest.mark.concept("D7")
def test_cilium_is_healthy_on_every_node(kube: Kube) -> None:
    """`cilium-dbg status` reports Ok in the agent of each node, without kube-proxy."""
    agents = kube.items("pods", "--namespace", "kube-system", "--selector", "k8s-app=cilium")
    assert len(agents) == 3
    for agent in agents:
        name = agent["metadata"]["name"]
        inside = ["exec", "--namespace", "kube-system", name, "--container", "cilium-agent", "--"]
        found = json.loads(kube.run(*inside, "cilium-dbg", "status", "--output", "json"))
        assert found["cilium"]["state"] == "Ok", (name, found["cilium"])
        assert found["kube-proxy-replacement"]["mode"] == "True", name
    assert not kube.items("pods", "--namespace", "kube-system", "--selector", "k8s-app=kube-proxy")


@pytest.mark.concept("D9")
def test_the_name_servers_are_on_two_nodes(kube: Kube) -> None:
    """One node that is down leaves everybody a name server."""
    pods = kube.items("pods", "--namespace", "kube-system", "--selector", "k8s-app=kube-dns")
    assert len({pod["spec"]["nodeName"] for pod in pods}) == len(pods) == 2


@pytest.mark.concept("D11")
def test_metrics_api_answers_for_nodes_and_pods(kube: Kube) -> None:
    """`kubectl top` gives CPU and memory of every node and of the shop's pods."""
    eventually(
        "kubectl top nodes lists three nodes",
        lambda: len(kube.attempt("top", "nodes", "--no-headers").stdout.splitlines()) == 3,
        seconds=90,
        diagnose=lambda: kube.diagnostics("kube-system"),
    )
    assert "catalog" in kube.run("top", "pods", "--namespace", "shop", "--no-headers")


@pytest.mark.concept("A9", "A3")
def test_every_image_of_ours_comes_from_the_stacks_registry_by_digest(kube: Kube, cluster: str) -> None:
    """Pods run images of the stack's own registry, each named by its digest."""
    pods = [pod for space in ("edge", "shop", "data") for pod in kube.items("pods", "--namespace", space)]
    assert pods
    for pod in pods:
        for container in pod["spec"]["containers"]:
            assert re.fullmatch(rf"{cluster}-registry:5000/[a-z-]+@sha256:[0-9a-f]{{64}}", container["image"])


def test_namespaces_enforce_the_restricted_level(kube: Kube, outputs: dict[str, Any]) -> None:
    """Each namespace of the suite refuses a privileged pod, but for that of the nodes' agents."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"}}
    spec = {"containers": [{"name": "it", "image": "x@sha256:" + "0" * 64, "securityContext": {"privileged": True}}]}
    for name, namespace in outputs["namespaces"].items():
        if name == NODE_AGENTS:
            continue
        answer = kube.attempt(
            "create",
            "--dry-run=server",
            "--namespace",
            namespace,
            "--filename",
            "-",
            stdin=json.dumps(pod | {"spec": spec}),
        )
        assert answer.returncode != 0
        assert 'violates PodSecurity "restricted' in answer.stderr
