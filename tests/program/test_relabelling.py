"""Relabelling: which targets each job takes and how it calls them, and which of their samples it keeps."""

import pytest

from monitoring import blackbox
from monitoring.scraping.catalog import ALL
from monitoring.scraping.model import Kubernetes
from monitoring.scraping.probes import EXPORTER
from tests.program.relabelling import sample, target

BY_NAME = {job.name: job for job in ALL}


def _pod(namespace: str, port: str = "", address: str = "10.244.1.7:9100", **labels: str) -> dict[str, str]:
    marks = {f"__meta_kubernetes_pod_label_{name}": value for name, value in labels.items()}
    return {
        "__address__": address,
        "__meta_kubernetes_namespace": namespace,
        "__meta_kubernetes_pod_name": "a-pod",
        "__meta_kubernetes_pod_node_name": "worker",
        "__meta_kubernetes_pod_ip": address.partition(":")[0],
        "__meta_kubernetes_pod_container_name": "it",
        "__meta_kubernetes_pod_container_port_name": port,
        "__meta_kubernetes_pod_phase": "Running",
        **marks,
    }


def _endpoint(namespace: str, service: str, port: int, port_name: str, part_of: str = "blueprint") -> dict[str, str]:
    pod = _pod(namespace, address=f"10.244.1.7:{port}")
    return pod | {
        "__meta_kubernetes_service_name": service,
        "__meta_kubernetes_service_label_app_kubernetes_io_part_of": part_of,
        "__meta_kubernetes_endpointslice_port": str(port),
        "__meta_kubernetes_endpointslice_port_name": port_name,
    }


CONTROL_PLANE = {"scheduler": "kube-scheduler", "controller-manager": "kube-controller-manager", "etcd": "etcd"}
PODS = {
    **{
        job: _pod("kube-system", "probe-port", "172.18.0.2:1", component=component)
        for job, component in CONTROL_PLANE.items()
    },
    "cilium": _pod("kube-system", "prometheus", k8s_app="cilium"),
    "hubble": _pod("kube-system", "hubble-metrics", k8s_app="cilium"),
    "envoy": _pod("edge", "metrics", app_kubernetes_io_name="envoy"),
    "contour": _pod("edge", "metrics", app_kubernetes_io_name="contour"),
    "node": _pod("node-agents", "metrics", app_kubernetes_io_name="node-exporter"),
    "log-agent": _pod("node-agents", "metrics", app_kubernetes_io_name="log-agent"),
}
ENDPOINTS = {
    "apiserver": _endpoint("default", "kubernetes", 6443, "https", part_of=""),
    "coredns": _endpoint("kube-system", "kube-dns", 9153, "metrics", part_of=""),
    "kube-state-metrics": _endpoint("observability", "kube-state-metrics", 8080, "http-metrics"),
    "services": _endpoint("shop", "orders", 9100, "metrics"),
    "postgres": _endpoint("observability", "postgres-exporter", 9187, "http"),
    "valkey": _endpoint("observability", "valkey-exporter", 9121, "http"),
    "nats": _endpoint("observability", "nats-exporter", 7777, "http"),
    "pushgateway": _endpoint("observability", "pushgateway", 9091, "http"),
    "prometheus": _endpoint("observability", "prometheus", 9090, "http"),
    "victoria-metrics": _endpoint("observability", "victoria-metrics", 8428, "http"),
    "victoria-logs": _endpoint("observability", "victoria-logs", 9428, "http"),
}


@pytest.mark.parametrize(
    ("role", "name"), [*(("pod", name) for name in PODS), *(("endpointslice", x) for x in ENDPOINTS)]
)
def test_each_target_is_taken_by_its_own_job_and_by_no_other(role: str, name: str) -> None:
    discovered = PODS[name] if role == "pod" else ENDPOINTS[name]
    same_role = [job for job in ALL if job.finds == Kubernetes(role)]
    assert [job.name for job in same_role if target(job, discovered)] == [name]


def test_no_job_of_pods_or_endpoints_was_forgotten_above() -> None:
    roles = {name: job.finds.role for name, job in BY_NAME.items() if isinstance(job.finds, Kubernetes)}
    assert {name for name, role in roles.items() if role in ("pod", "endpointslice")} == {*PODS, *ENDPOINTS}


def test_the_operator_of_cilium_is_a_target_beside_the_agents() -> None:
    assert target(BY_NAME["cilium"], _pod("kube-system", "prometheus", io_cilium_app="operator"))


@pytest.mark.parametrize(
    ("job", "address"),
    [("scheduler", "172.18.0.2:10259"), ("controller-manager", "172.18.0.2:10257"), ("etcd", "172.18.0.2:2381")],
)
def test_the_control_plane_is_asked_at_its_node_whatever_port_its_pod_names(job: str, address: str) -> None:
    found = target(BY_NAME[job], PODS[job])
    assert found and found["instance"] == address


def test_a_new_service_is_scraped_without_a_change_and_is_called_by_its_name() -> None:
    found = target(BY_NAME["services"], _endpoint("shop", "reviews", 9100, "metrics"))
    assert found == {
        **{"job": "services", "instance": "10.244.1.7:9100", "service": "reviews"},
        **{"namespace": "shop", "pod": "a-pod", "node": "worker", "container": "it"},
    }


@pytest.mark.parametrize(
    "discovered",
    [
        _endpoint("shop", "orders", 8080, "http"),
        _endpoint("shop", "orders", 9100, ""),
        _endpoint("shop", "orders", 9100, "metrics", part_of="somebody"),
        _endpoint("elsewhere", "orders", 9100, "metrics"),
    ],
    ids=["its own port", "a port that no Service names", "somebody's", "another namespace"],
)
def test_what_is_no_service_s_metrics_is_not_scraped_as_such(discovered: dict[str, str]) -> None:
    assert target(BY_NAME["services"], discovered) is None


def test_a_pod_that_has_ended_is_no_target() -> None:
    ended = PODS["node"] | {"__meta_kubernetes_pod_phase": "Failed"}
    assert target(BY_NAME["node"], ended) is None


def test_who_speaks_for_others_goes_on_with_the_same_series_in_another_pod() -> None:
    for name in ("kube-state-metrics", "pushgateway"):
        found = target(BY_NAME[name], ENDPOINTS[name])
        assert found == {"job": name, "instance": name}


def test_a_probe_s_series_are_about_what_is_asked() -> None:
    """The exporter is asked; the target is a parameter and the instance."""
    (first, *_), job = blackbox.targets(blackbox.TCP, edge=True), BY_NAME["blackbox-tcp"]
    discovered = {"__address__": first.address, "module": first.module, "service": first.service}
    found = target(job, discovered)
    assert found == {"job": "blackbox-tcp", "instance": first.address, "service": first.service, "module": first.module}
    assert sample(job, "probe_success", **found) == {
        "__name__": "probe_success",
        **{k: found[k] for k in ("job", "instance", "service")},
    }
    assert EXPORTER.endswith(":9115")


def test_every_port_of_every_store_s_service_is_asked_by_name_and_no_other_service_s() -> None:
    job = BY_NAME["blackbox-stores"]
    discovered = {
        "__address__": "nats.data.svc:4222",
        "__meta_kubernetes_namespace": "data",
        "__meta_kubernetes_service_name": "nats",
    }
    found = target(job, discovered)
    assert found == {"job": "blackbox-stores", "instance": "nats.data.svc:4222", "service": "nats"}
    assert target(job, discovered | {"__meta_kubernetes_namespace": "shop"}) is None


@pytest.mark.parametrize(
    ("name", "bound", "kept"),
    [
        ("apiserver_request_duration_seconds_bucket", "0.4", True),
        ("apiserver_request_duration_seconds_bucket", "1", True),
        ("apiserver_request_duration_seconds_bucket", "+Inf", True),
        ("apiserver_request_duration_seconds_bucket", "0.05", False),
        ("apiserver_admission_controller_admission_duration_seconds_bucket", "0.4", False),
        ("apiserver_request_duration_seconds_count", "", True),
        ("apiserver_request_total", "", True),
        ("apiserver_request_sli_duration_seconds_sum", "", False),
        ("process_resident_memory_bytes", "", True),
        ("go_goroutines", "", True),
        ("go_gc_duration_seconds", "", False),
    ],
)
def test_the_api_server_s_histograms_are_trimmed(name: str, bound: str, kept: bool) -> None:
    labels = {"verb": "GET"} | ({"le": bound} if bound else {})
    found = sample(BY_NAME["apiserver"], name, **labels)
    assert bool(found) is kept
    assert not found or not [label for label in found if label.startswith("__tmp")]


def test_watches_have_no_latency() -> None:
    assert sample(BY_NAME["apiserver"], "apiserver_request_duration_seconds_count", verb="WATCH") is None
    assert sample(BY_NAME["apiserver"], "apiserver_request_total", verb="WATCH")


def test_etcd_s_disk_latencies_keep_their_shape() -> None:
    assert sample(BY_NAME["etcd"], "etcd_disk_wal_fsync_duration_seconds_bucket", le="0.008")
    assert sample(BY_NAME["etcd"], "etcd_mvcc_db_total_size_in_bytes")
    assert sample(BY_NAME["etcd"], "grpc_server_handled_total") is None


def test_containers_are_kept_and_sums_of_control_groups_are_not() -> None:
    job = BY_NAME["cadvisor"]
    usage = "container_cpu_usage_seconds_total"
    labels = {"namespace": "shop", "pod": "orders-1", "id": "/kubepods/x", "name": "0123", "image": "registry/orders"}
    assert sample(job, usage, **labels, container="orders") == {
        **{"__name__": usage, "job": "cadvisor", "namespace": "shop", "pod": "orders-1", "container": "orders"},
    }
    assert sample(job, usage, **labels) is None
    assert sample(job, usage, id="/") is None
    assert sample(job, "container_tasks_state", **labels, container="orders") is None
    assert sample(job, "container_network_receive_bytes_total", **labels, interface="eth0")


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("container_network_receive_bytes_total", "node_network_receive_bytes_total"),
        ("container_network_transmit_errors_total", "node_network_transmit_errs_total"),
    ],
)
def test_the_node_s_network_stands_under_the_node_exporter_s_names(name: str, becomes: str) -> None:
    found = sample(BY_NAME["cadvisor"], name, id="/", interface="eth0", node="worker")
    assert found and (found["__name__"], found["device"], found["job"]) == (becomes, "eth0", "node")
    assert sample(BY_NAME["cadvisor"], name, id="/", interface="cilium_vxlan") is None


def test_nobody_pushes_under_a_name_that_is_not_its_own() -> None:
    """A push says its own job: `job="apiserver"` would speak for the API server."""
    job = BY_NAME["pushgateway"]
    assert sample(job, "report_orders", job="report")
    assert sample(job, "pushgateway_build_info", job="pushgateway")
    assert sample(job, "up", job="apiserver") is None


@pytest.mark.parametrize(
    ("port", "kept"), [("53", True), ("8080", True), ("10250", True), ("0", False), ("43210", False)]
)
def test_ports_that_are_given_for_a_moment_are_not_counted(port: str, kept: bool) -> None:
    assert bool(sample(BY_NAME["hubble"], "hubble_port_distribution_total", port=port, protocol="TCP")) is kept
