"""Prometheus, the store beside it and the two programs that tell of nodes and objects, as they stand in the cluster."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.foundation import network
from infra.observability import prometheus, victoria_metrics
from monitoring.dashboards.files import vmui_files
from monitoring.scraping import Setting, configuration, jobs
from monitoring.scraping.model import ACCOUNT, Needs
from tests.program.recording import Object, Recorded, is_secret, password, public

STATEFUL_SET, DAEMON_SET = "kubernetes:apps/v1:StatefulSet", "kubernetes:apps/v1:DaemonSet"
CONFIG_MAP, SECRET = "kubernetes:core/v1:ConfigMap", "kubernetes:core/v1:Secret"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"


@pytest.fixture(scope="module")
def recorded(kind_stack: Recorded) -> Recorded:
    """The stack on a cluster of kind."""
    return kind_stack


def _spec(recorded: Recorded, name: str) -> Object:
    return recorded.pod_specs()[name]


def _containers(spec: Object) -> dict[str, Object]:
    return {one["name"]: one for one in [*spec["containers"], *spec.get("initContainers", [])]}


def _flags(container: Object) -> dict[str, str]:
    pairs = (argument.lstrip("-").partition("=") for argument in container["args"])
    return {name: value for name, _, value in pairs}


def _mebibytes(quantity: str) -> int:
    assert quantity.endswith("Mi"), quantity
    return int(quantity.removesuffix("Mi"))


NAMES = ("prometheus", "victoria-metrics", "kube-state-metrics", "node-exporter")


@pytest.mark.parametrize("name", NAMES)
def test_every_container_is_restricted_and_bounded(recorded: Recorded, name: str) -> None:
    spec = _spec(recorded, name)
    assert spec["securityContext"]["runAsUser"] == 65532
    for container in _containers(spec).values():
        context = container["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert container["resources"]["limits"]["memory"]


def test_their_memory_is_within_its_share(recorded: Recorded) -> None:
    """Of the 1 GiB of all observability on three nodes: what is asked for, once a node for the node exporter."""
    asked = {
        name: sum(
            _mebibytes(one["resources"]["requests"]["memory"]) for one in _containers(_spec(recorded, name)).values()
        )
        for name in NAMES
    }
    asked["node-exporter"] *= 3
    assert sum(asked.values()) <= 420, asked


@pytest.mark.parametrize("name", NAMES)
def test_the_token_is_there_for_who_asks_the_api_server_alone(recorded: Recorded, name: str) -> None:
    """And in the one container that asks: not in the shell beside Prometheus."""
    spec = _spec(recorded, name)
    assert spec["automountServiceAccountToken"] is False
    have = {
        container["name"]
        for container in _containers(spec).values()
        if any(mount["mountPath"] == ACCOUNT for mount in container.get("volumeMounts", []))
    }
    assert have == ({name} if name in ("prometheus", "kube-state-metrics") else set())


def test_prometheus_reads_targets_and_metrics_and_no_object_s_content(recorded: Recorded) -> None:
    rules = recorded.one(CLUSTER_ROLE, "prometheus").inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = {resource for rule in rules for resource in rule.get("resources", [])}
    assert resources == {"nodes", "pods", "services", "endpointslices", "nodes/metrics"}
    assert [rule["nonResourceURLs"] for rule in rules if "nonResourceURLs" in rule] == [["/metrics"]]


def test_kube_state_metrics_may_read_what_it_shows_and_shows_no_secret(recorded: Recorded) -> None:
    rules = recorded.one(CLUSTER_ROLE, "kube-state-metrics").inputs["rules"]
    may = {resource for rule in rules for resource in rule["resources"]}
    shown = _flags(_spec(recorded, "kube-state-metrics")["containers"][0])["resources"].split(",")
    assert sorted(may) == sorted(shown)
    assert not may & {"secrets", "configmaps"}
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "watch"}


def test_prometheus_reads_its_configuration_its_rules_and_its_targets(recorded: Recorded) -> None:
    maps = {one.inputs["metadata"]["name"]: one.inputs["data"] for one in recorded.of_type(CONFIG_MAP)}
    text = maps["prometheus-config"]["prometheus.yml"]
    assert {job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]} == {job.name for job in jobs(*Needs)}
    assert maps["prometheus-rules"] == prometheus.rule_files()
    container = _containers(_spec(recorded, "prometheus"))["prometheus"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert _flags(container)["config.file"] == f"{mounts['config']}/prometheus.yml"
    assert yaml.safe_load(text)["rule_files"] == [f"{mounts['rules']}/*.yaml"]
    named = [
        path
        for job in yaml.safe_load(text)["scrape_configs"]
        for one in job.get("file_sd_configs", [])
        for path in one["files"]
    ]
    assert {Path(path).name for path in named} == maps["prometheus-targets"].keys()
    assert {str(Path(path).parent) for path in named} == {mounts["targets"]}


def test_a_changed_configuration_does_not_replace_the_pod(recorded: Recorded) -> None:
    """A signal of the shell beside it has it read anew: it sees Prometheus' process, and no port offers the same."""
    template = recorded.one(STATEFUL_SET, "prometheus").inputs["spec"]["template"]
    assert "annotations" not in template["metadata"]
    assert template["spec"]["shareProcessNamespace"] is True
    both = _containers(template["spec"])
    assert both["reloader"]["restartPolicy"] == "Always"
    watched = {mount["mountPath"] for mount in both["reloader"]["volumeMounts"]}
    assert all(f"{folder}/..data" in prometheus.WATCH for folder in watched)
    assert not [flag for flag in _flags(both["prometheus"]) if flag.startswith(("web.enable", "storage.tsdb.allow"))]


def test_what_prometheus_keeps_is_bounded_below_its_claim(recorded: Recorded) -> None:
    spec = recorded.one(STATEFUL_SET, "prometheus").inputs["spec"]
    flags = _flags(_containers(spec["template"]["spec"])["prometheus"])
    assert int(flags["storage.tsdb.retention.time"].rstrip("d")) >= 3, "the slowest burn-rate alert looks back 3 days"
    (claim,) = spec["volumeClaimTemplates"]
    gib = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
    assert int(flags["storage.tsdb.retention.size"].removesuffix("MB")) <= gib * 1024 * 0.8


def test_prometheus_has_the_time_to_send_what_waits(recorded: Recorded) -> None:
    spec = _spec(recorded, "prometheus")
    flush = int(_flags(_containers(spec)["prometheus"])["storage.remote.flush-deadline"].rstrip("s"))
    assert flush + 20 <= spec["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("name", NAMES)
def test_go_knows_its_limit_before_the_kernel_does(recorded: Recorded, name: str) -> None:
    container = _containers(_spec(recorded, name))[name]
    (limit,) = [one["value"] for one in container["env"] if one["name"] == "GOMEMLIMIT"]
    most = _mebibytes(container["resources"]["limits"]["memory"])
    assert most * 0.7 <= int(limit.removesuffix("MiB")) <= most * 0.8


def test_the_store_beside_deletes_nothing_without_its_key(recorded: Recorded) -> None:
    flags = _flags(_containers(_spec(recorded, "victoria-metrics"))["victoria-metrics"])
    assert flags["deleteAuthKey"] == "file:///run/secrets/victoria-metrics/key"
    secret = recorded.one(SECRET, "victoria-metrics")
    assert is_secret(secret.wire["stringData"]) or is_secret(secret.wire["stringData"]["key"])
    everything = json.dumps([public(one.wire) for one in recorded.resources])
    assert password("victoria-metrics-key") not in everything


def test_the_store_beside_keeps_longer_and_shows_the_dashboards(recorded: Recorded) -> None:
    flags = _flags(_containers(_spec(recorded, "victoria-metrics"))["victoria-metrics"])
    assert int(flags["retentionPeriod"].rstrip("d")) > prometheus.KEPT_DAYS
    assert recorded.one(CONFIG_MAP, "victoria-metrics-dashboards").inputs["data"] == vmui_files()
    mounts = _containers(_spec(recorded, "victoria-metrics"))["victoria-metrics"]["volumeMounts"]
    assert flags["vmui.customDashboardsPath"] in [mount["mountPath"] for mount in mounts]


def test_the_node_exporter_is_on_every_node_and_reads_without_being_on_its_network(recorded: Recorded) -> None:
    spec = recorded.one(DAEMON_SET, "node-exporter").inputs["spec"]["template"]["spec"]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert not [field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    (container,) = spec["containers"]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert not [port for port in container["ports"] if "hostPort" in port]
    flags = _flags(container)
    assert "collector.disable-defaults" in flags
    assert not {"collector.netdev", "collector.netclass"} & flags.keys(), "they would tell of the pod's own interface"


def test_every_service_is_where_its_job_looks(recorded: Recorded) -> None:
    ports = {"prometheus": 9090, "victoria-metrics": 8428, "kube-state-metrics": 8080}
    for name, port in ports.items():
        service = recorded.one("kubernetes:core/v1:Service", name).inputs
        assert port in [one["port"] for one in service["spec"]["ports"]]
        job = next(job for job in jobs() if job.name == name)
        assert any(step.regex == f"observability;{name};{port}" for step in job.targets)


def test_cilium_and_hubble_show_metrics() -> None:
    values: dict[str, Any] = network.cilium_values("host", "agent", "operator")
    assert values["prometheus"] == {"enabled": True}
    counted = {one.partition(":")[0]: one.partition(":")[2] for one in values["hubble"]["metrics"]["enabled"]}
    assert counted.keys() == {"drop", "flow", "tcp", "port-distribution"}
    assert [name for name, context in counted.items() if context] == ["drop"], "each pair of ends is a series"
    assert "pod" not in counted["drop"], "pods come and go, and their series would stay"


def test_the_rules_come_from_their_folder_without_their_tests(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name in ("b.yaml", "a.yaml", "README.md", "tests/a.yaml"):
        (tmp_path / name).write_text(name)
    assert prometheus.rule_files(tmp_path) == {"a.yaml": "a.yaml", "b.yaml": "b.yaml"}


def test_victoria_metrics_and_prometheus_agree_on_where_samples_go() -> None:
    (store,) = yaml.safe_load(configuration(Setting("shop-town", jobs())))["remote_write"]
    assert f"//{victoria_metrics.NAME}.observability" in store["url"]
    assert f":{victoria_metrics.PORTS['http']}/" in store["url"]
