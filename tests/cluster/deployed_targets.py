"""What must be scraped, judged by what is deployed and not by Prometheus: job → its targets' names."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from monitoring import blackbox
from tests.cluster.kube import Kube
from tests.cluster.prometheus import Target

SERVICE_SPACES = ("edge", "identity", "shop", "observability")
OBSERVED = ("kube-state-metrics", "pushgateway", "prometheus", "victoria-metrics", "victoria-logs")
Pod = dict[str, Any]


def expected(kube: Kube) -> dict[str, set[str]]:
    """Every job with what it must scrape: pods and nodes by their names, probes by what they ask."""
    pods = [pod for pod in kube.items("pods", "--all-namespaces") if _runs(pod)]
    nodes = {node["metadata"]["name"] for node in kube.items("nodes")}
    masters = [pod for pod in pods if pod["metadata"].get("labels", {}).get("component") == "kube-apiserver"]
    own = {name: _named(pods, "observability", name) for name in (*OBSERVED, "alertmanager")}
    return {
        "apiserver": {f"{pod['status']['podIP']}:6443" for pod in masters},
        **{job: _labelled(pods, "component", value) for job, value in _CONTROL_PLANE.items()},
        **dict.fromkeys(("kubelet", "cadvisor"), nodes),
        "coredns": _labelled(pods, "k8s-app", "kube-dns"),
        "cilium": _labelled(pods, "k8s-app", "cilium") | _labelled(pods, "io.cilium/app", "operator"),
        "hubble": _labelled(pods, "k8s-app", "cilium"),
        **{name: _named(pods, "edge", name) for name in ("envoy", "contour")},
        "node": _named(pods, "node-agents", "node-exporter"),
        "log-agent": _named(pods, "node-agents", "log-agent"),
        "services": _of_services(pods),
        **{job: _named(pods, "observability", f"{job}-exporter") for job in ("postgres", "valkey", "nats")},
        **{job: _asked(job) for job in (blackbox.HTTP, blackbox.TCP, blackbox.DNS)},
        blackbox.STORES: doors_of_stores(kube),
        **{name: own[name] for name in OBSERVED},
        "alertmanager": {_address(pod) for pod in pods if pod["metadata"]["name"] in own["alertmanager"]},
    }


def found(targets: Iterable[Target]) -> dict[str, set[str]]:
    """The targets of each job, called by the same names."""
    named: dict[str, set[str]] = {}
    for target in targets:
        named.setdefault(target.job, set()).add(_name_of(target))
    return named


def one_on_each_node(kube: Kube) -> Mapping[str, int]:
    """How many targets the jobs of nodes must have: a DaemonSet that leaves a node out has fewer pods."""
    return dict.fromkeys(("kubelet", "cadvisor", "node", "log-agent", "hubble"), len(kube.items("nodes")))


_CONTROL_PLANE = {"scheduler": "kube-scheduler", "controller-manager": "kube-controller-manager", "etcd": "etcd"}
_BY_INSTANCE = ("apiserver", "alertmanager", blackbox.HTTP, blackbox.TCP, blackbox.DNS, blackbox.STORES)


def _name_of(target: Target) -> str:
    if target.job in _BY_INSTANCE:
        return target.labels["instance"]
    discovered: Callable[[str], str | None] = target.discovered.get
    return discovered("__meta_kubernetes_pod_name") or discovered("__meta_kubernetes_node_name") or "?"


def _runs(pod: Pod) -> bool:
    return pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]


def _labelled(pods: list[Pod], label: str, value: str) -> set[str]:
    kube_system = (pod["metadata"] for pod in pods if pod["metadata"]["namespace"] == "kube-system")
    return {metadata["name"] for metadata in kube_system if metadata.get("labels", {}).get(label) == value}


def _named(pods: list[Pod], namespace: str, name: str) -> set[str]:
    return {
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["namespace"] == namespace
        and pod["metadata"].get("labels", {}).get("app.kubernetes.io/name") == name
    }


def _of_services(pods: list[Pod]) -> set[str]:
    """Every pod with a container's port 9100 `metrics` where services are. Envoy has its own job."""
    return {
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["namespace"] in SERVICE_SPACES
        and pod["metadata"].get("labels", {}).get("app.kubernetes.io/name") != "envoy"
        and any(
            (port.get("name"), port["containerPort"]) == ("metrics", 9100)
            for container in pod["spec"]["containers"]
            for port in container.get("ports", [])
        )
    }


def doors_of_stores(kube: Kube) -> set[str]:
    """Each port of each Service of the stores, by the Service's name."""
    services = kube.items("services", "--namespace", blackbox.STORES_NAMESPACE)
    return {
        f"{service['metadata']['name']}.{blackbox.STORES_NAMESPACE}.svc:{port['port']}"
        for service in services
        for port in service["spec"]["ports"]
    }


def _asked(job: str) -> set[str]:
    return {one.address for one in blackbox.targets(job, edge=True)}


def _address(pod: Pod) -> str:
    return f"{pod['status']['podIP']}:9093"
