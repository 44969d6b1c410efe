"""Scraping on the running stack: every target is up and none is missing, each layer tells, new pods are found."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cluster import deployed_targets
from tests.cluster.kube import Kube, eventually
from tests.cluster.lab import settled
from tests.cluster.prometheus import Prometheus, prometheus_of
from tests.cluster.shop import Shop, pods_of

pytestmark = pytest.mark.usefixtures("observability")

SETTLED_SECONDS = 120
"""Pods come and go while other tests run; each change is seen at the next scrape."""
SEEN_SECONDS = 60
SERVICES = ("gateway", "web", "catalog", "inventory", "orders", "payments", "notifications", "issuer")
BETWEEN_TESTS = ("test-", "chaos-")


@pytest.fixture(scope="module")
def prometheus(kube: Kube) -> Iterator[Prometheus]:
    """The running Prometheus."""
    with prometheus_of(kube) as found:
        yield found


@pytest.mark.concept("B9", "H10", "H13")
def test_what_is_scraped_is_what_is_deployed(kube: Kube, prometheus: Prometheus) -> None:
    """Job by job the targets are what runs in the cluster, both ways, and every one is up when it is scraped next."""
    began, wrong = datetime.now(UTC), list[str]()

    def agree() -> bool:
        wrong.clear()
        targets = prometheus.targets()
        wanted, found = deployed_targets.expected(kube), deployed_targets.found(targets)
        for job in sorted({*wanted, *found}):
            missing, extra = (
                wanted.get(job, set()) - found.get(job, set()),
                found.get(job, set()) - wanted.get(job, set()),
            )
            if missing or extra or not wanted.get(job):
                wrong.append(f"{job}: missing {sorted(missing)}, not deployed {sorted(extra)}")
        wrong.extend(
            f"{one.job} {one.labels['instance']} is {one.health}: {one.error}" for one in targets if one.health != "up"
        )
        wrong.extend(
            f"{one.job} {one.labels['instance']} was scraped last at {one.at}" for one in targets if one.at < began
        )
        return not wrong

    eventually(
        "targets are what is deployed, and up", agree, seconds=SETTLED_SECONDS, diagnose=lambda: "\n".join(wrong)
    )


@pytest.mark.concept("H8")
def test_every_node_has_its_agents_and_every_exporter_its_store(kube: Kube, prometheus: Prometheus) -> None:
    """One target on each node for what is on each node, the control plane's too; each exporter reaches its store."""
    counted = prometheus.by("job", "count by (job) (up == 1)")
    for job, nodes in deployed_targets.one_on_each_node(kube).items():
        assert counted.get(job) == nodes, f"{job}: {counted.get(job)} of {nodes}"
    for metric in ("pg_up", "redis_up", 'sum(gnatsd_varz_connections{job="nats"})'):
        assert prometheus.total(metric) > 0, metric


@pytest.mark.parametrize(
    ("layer", "query"),
    [
        pytest.param("host", 'node_cpu_seconds_total{job="node"}', marks=pytest.mark.concept("H1")),
        pytest.param("host", "node_memory_MemAvailable_bytes", marks=pytest.mark.concept("H1")),
        pytest.param("host", 'node_filesystem_avail_bytes{mountpoint="/var"}', marks=pytest.mark.concept("H1")),
        pytest.param("host", "node_network_receive_bytes_total", marks=pytest.mark.concept("H1")),
        pytest.param(
            "container",
            'container_memory_working_set_bytes{namespace="shop",container="catalog"}',
            marks=pytest.mark.concept("H2"),
        ),
        pytest.param(
            "container",
            'rate(container_cpu_usage_seconds_total{namespace="shop"}[2m])',
            marks=pytest.mark.concept("H2"),
        ),
        pytest.param("application", 'http_requests_total{service="gateway"}', marks=pytest.mark.concept("H3")),
        pytest.param("Kubernetes", 'kube_pod_status_phase{phase="Running"}', marks=pytest.mark.concept("H4")),
        pytest.param("Kubernetes", "apiserver_request_total", marks=pytest.mark.concept("H4", "H13")),
        pytest.param("Kubernetes", "scheduler_schedule_attempts_total", marks=pytest.mark.concept("H13")),
        pytest.param("Kubernetes", 'workqueue_adds_total{job="controller-manager"}', marks=pytest.mark.concept("H13")),
        pytest.param("Kubernetes", "etcd_server_has_leader", marks=pytest.mark.concept("H13")),
        pytest.param("Kubernetes", "kubelet_running_pods", marks=pytest.mark.concept("H13")),
        pytest.param("network", "coredns_dns_requests_total", marks=pytest.mark.concept("H4")),
        pytest.param("network", "cilium_endpoint_state", marks=pytest.mark.concept("H4")),
        pytest.param("network", "hubble_flows_processed_total", marks=pytest.mark.concept("H4")),
    ],
)
def test_each_layer_tells_something_that_is_not_nothing(prometheus: Prometheus, layer: str, query: str) -> None:
    """Each of the layers has a metric whose sum is above zero."""
    assert prometheus.total(f"sum({query})") > 0, f"{layer}: {query}"


@pytest.mark.concept("H6")
def test_every_service_counts_its_requests_errors_and_durations(prometheus: Prometheus, shop: Shop) -> None:
    """RED of every service, by the same names; a request just made is counted within two scrapes."""
    for metric in ("http_requests_in_flight", "service_ready"):
        assert set(SERVICES) <= set(prometheus.by("service", f"count by (service) ({metric})")), metric
    counted = 'sum(http_requests_total{service="gateway",route!="",status="200"})'
    before = prometheus.total(counted)
    assert shop.http.get(f"{shop.url}/api/products", params={"size": 1}).status_code == 200
    eventually("the request is counted", lambda: prometheus.total(counted) > before, seconds=SEEN_SECONDS)
    for metric in (
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_count",
    ):
        assert prometheus.total(f'count({metric}{{service="gateway"}})') > 0, metric


@pytest.mark.concept("B9")
def test_every_pod_s_metrics_are_in_one_place(kube: Kube, prometheus: Prometheus) -> None:
    """Each pod that runs has its containers' memory and CPU in Prometheus, whatever it is and whoever made it."""
    left: set[str] = set()

    def all_there() -> bool:
        known = {sample.labels["pod"] for sample in prometheus.instant("container_memory_working_set_bytes")}
        running = [pod for pod in kube.items("pods", "--all-namespaces") if pod["status"].get("phase") == "Running"]
        names = {
            pod["metadata"]["name"] for pod in running if not pod["metadata"]["namespace"].startswith(BETWEEN_TESTS)
        }
        left.clear()
        left.update(names - known)
        return not left

    eventually("every pod is known", all_there, seconds=SETTLED_SECONDS, diagnose=lambda: str(sorted(left)))


@pytest.mark.serial
@pytest.mark.concept("H10")
def test_a_new_pod_is_scraped_without_a_change_of_the_configuration(kube: Kube, prometheus: Prometheus) -> None:
    """One pod → a second one → its metrics are there by its own name → it goes → it is no target any more."""
    config = ["configmap", "prometheus-config", "--namespace", "observability"]
    reloaded = "prometheus_config_last_reload_success_timestamp_seconds"
    before = (kube.get(*config)["metadata"]["resourceVersion"], prometheus.total(reloaded))
    had = {pod["metadata"]["name"] for pod in pods_of(kube, "shop", "payments")}
    _scale(kube, len(had) + 1)
    try:
        (new,) = {pod["metadata"]["name"] for pod in settled(kube, "shop", "payments", len(had) + 1)} - had
        took = eventually(
            f"{new} is up",
            lambda: prometheus.total(f'up{{job="services",service="payments",pod="{new}"}}') == 1,
            seconds=SEEN_SECONDS,
        )
    finally:
        _scale(kube, len(had))
    print(f"up {took:.0f} s after it was ready")
    gone = lambda: new not in deployed_targets.found(prometheus.targets())["services"]  # noqa: E731
    eventually(f"{new} is no target", gone, seconds=SEEN_SECONDS)
    assert (kube.get(*config)["metadata"]["resourceVersion"], prometheus.total(reloaded)) == before


def _scale(kube: Kube, replicas: int) -> None:
    kube.run("scale", "deployment", "payments", "--namespace", "shop", f"--replicas={replicas}")


@pytest.mark.serial
@pytest.mark.concept("H5")
def test_changed_rules_are_read_while_it_runs_and_wrong_ones_are_refused(kube: Kube, prometheus: Prometheus) -> None:
    """A rule is added → its series is there, by the same process → a wrong one → refused, all goes on → it goes."""
    good = "groups: [{name: trial, rules: [{record: trial:one, expr: vector(1)}]}]"
    wrong = "groups: [{name: trial, rules: [{record: trial:one, expr: sum(}]}]"
    successful = "prometheus_config_last_reload_successful"
    first = _containers(kube)
    try:
        _patch_rules(kube, good)
        eventually("the new rule is evaluated", lambda: prometheus.total("trial:one") == 1, seconds=200)
        _patch_rules(kube, wrong)
        eventually("the wrong rule is refused", lambda: prometheus.total(successful) == 0, seconds=200)
        assert prometheus.total("trial:one") == 1, "it goes on by the rules that it had"
    finally:
        _patch_rules(kube, None)
    eventually("the rules are right again", lambda: prometheus.total(successful) == 1, seconds=200)
    eventually("the rule is gone", lambda: "trial:one" not in {rule.name for rule in prometheus.rules()}, seconds=60)
    assert _containers(kube) == first


def _containers(kube: Kube) -> set[str]:
    """What the pod's containers are; one that was started again is another."""
    pod = kube.get("pod", "prometheus-0", "--namespace", "observability")
    statuses = [*pod["status"]["containerStatuses"], *pod["status"]["initContainerStatuses"]]
    return {str(status["containerID"]) for status in statuses}


def _patch_rules(kube: Kube, text: str | None) -> None:
    patch: dict[str, Any] = {"data": {"trial.yaml": text}}
    where = ["configmap", "prometheus-rules", "--namespace", "observability"]
    kube.run("patch", *where, "--type=merge", "--patch", json.dumps(patch))


@pytest.mark.concept("H5")
def test_every_rule_is_evaluated(prometheus: Prometheus) -> None:
    """Recording and alerting rules are all loaded, and none fails."""
    rules = prometheus.rules()
    assert {rule.kind for rule in rules} == {"recording", "alerting"}
    assert not [f"{rule.name}: {rule.health} {rule.error}" for rule in rules if rule.health != "ok"]


def test_scraping_costs_what_is_said(prometheus: Prometheus) -> None:
    """Series, samples a second, and the time of all scrapes and rules stay within what docs/metrics.md says."""
    series = prometheus.total("prometheus_tsdb_head_series")
    rate = prometheus.total("sum(rate(prometheus_tsdb_head_samples_appended_total[5m]))")
    slowest = prometheus.total("max(scrape_duration_seconds)")
    print(f"{series:.0f} series, {rate:.0f} samples/s, slowest scrape {slowest:.2f} s")
    assert series < 60_000
    assert slowest < 8
    assert prometheus.instant("scrape_sample_limit > 0"), "the limits are known"
    assert prometheus.instant("scrape_samples_post_metric_relabeling > (scrape_sample_limit > 0)") == []


@pytest.mark.concept("B9")
def test_all_that_watches_takes_less_than_a_gibibyte(prometheus: Prometheus) -> None:
    """Metrics, exporters, alerts, logs and their agents on every node: the working sets of all their containers."""
    working_set = 'container_memory_working_set_bytes{namespace=~"observability|node-agents",container!=""}'
    used = prometheus.by("container", f"sum by (container) ({working_set})")
    print({name: f"{size / 2**20:.0f} MiB" for name, size in sorted(used.items())})
    assert {"prometheus", "victoria-logs", "log-agent", "node-exporter"} <= used.keys()
    assert sum(used.values()) < 2**30
