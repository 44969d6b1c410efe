"""What the chart makes of a service that goes on, by good values. CronJobs are in test_scheduled."""

import subprocess
from pathlib import Path

import pytest
from rendered import CHART, EVERY, SERVICES, VALUES, Object, Render, pick, pod_spec, pod_templates

LABELS = {f"app.kubernetes.io/{part}" for part in ("name", "part-of", "component", "version", "managed-by")}


@pytest.mark.parametrize("service", EVERY)
def test_lint_has_nothing_to_say(helm: Path, service: str) -> None:
    command = [str(helm), "lint", "--strict", str(CHART), "--values", str(VALUES / f"{service}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_deployment_service_and_account_have_the_name_of_the_service(render: Render, service: str) -> None:
    objects = render(service)
    for kind in ("Deployment", "Service", "ServiceAccount"):
        pick(objects, kind, service)


def test_name_may_differ_from_the_release(render: Render) -> None:
    pick(render("smallest", "report-1a2b3c", name="report"), "Deployment", "report")


def test_a_name_that_yaml_takes_for_something_else_stays_text(render: Render) -> None:
    labels = pick(render("smallest", version="1.10", component="on"), "Deployment", "smallest")["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == "1.10"
    assert labels["app.kubernetes.io/component"] == "on"


@pytest.mark.parametrize("service", EVERY)
def test_every_object_and_pod_has_all_labels(render: Render, service: str) -> None:
    objects = render(service)
    for item in [*objects, *pod_templates(objects)]:
        assert item["metadata"]["labels"].keys() >= LABELS, item["metadata"]


def test_ports_are_the_contract(render: Render) -> None:
    objects = render("catalog")
    ports = pick(objects, "Service", "catalog")["spec"]["ports"]
    assert {(port["name"], port["port"], port["targetPort"]) for port in ports} == {
        ("http", 80, "http"),
        ("metrics", 9100, "metrics"),
    }
    container = pod_spec(objects, "Deployment", "catalog")["containers"][0]
    assert {(port["name"], port["containerPort"]) for port in container["ports"]} == {("http", 8080), ("metrics", 9100)}


def test_probes_are_the_contract(render: Render) -> None:
    container = pod_spec(render("catalog"), "Deployment", "catalog")["containers"][0]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {
        "startupProbe": {"path": "/startupz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
        "livenessProbe": {"path": "/livez", "port": "http"},
    }


def test_probes_by_grpc_ask_the_health_service_where_the_process_is_told_to_listen(render: Render) -> None:
    objects = render("payments", probes={"protocol": "grpc", "grpcPort": 9001})
    container = pod_spec(objects, "Deployment", "payments")["containers"][0]
    assert {name: container[f"{name}Probe"]["grpc"] for name in ("startup", "readiness", "liveness")} == {
        name: {"port": 9001, "service": name} for name in ("startup", "readiness", "liveness")
    }
    assert not [name for name in ("startup", "readiness", "liveness") if "httpGet" in container[f"{name}Probe"]]
    assert pick(objects, "ConfigMap", "payments-env")["data"]["GRPC_PORT"] == "9001"
    assert {"name": "grpc", "containerPort": 9001} in container["ports"]


def test_ways_in_only_where_asked_for(render: Render) -> None:
    gateway = render("gateway")
    assert pick(gateway, "Service", "gateway")["spec"]["type"] == "ClusterIP"
    node_port = pick(gateway, "Service", "gateway-nodeport")["spec"]
    assert node_port["type"] == "NodePort"
    assert [port.get("nodePort") for port in node_port["ports"]] == [30080]
    balanced = pick(gateway, "Service", "gateway-loadbalancer")
    assert balanced["spec"]["type"] == "LoadBalancer"
    assert balanced["metadata"]["labels"]["pool"] == "edge"
    assert [port["port"] for port in balanced["spec"]["ports"]] == [80], "metrics stay inside"
    assert len([item for item in render("catalog") if item["kind"] == "Service"]) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_services_select_the_pods_of_the_deployment_and_no_other(render: Render, service: str) -> None:
    objects = render(service)
    deployment = pick(objects, "Deployment", service)["spec"]
    own = deployment["template"]["metadata"]["labels"]
    selectors = [item["spec"]["selector"] for item in objects if item["kind"] == "Service"]
    selectors.append(deployment["selector"]["matchLabels"])
    for selector in selectors:
        assert selector.items() <= own.items()
        for job in (item for item in objects if item["kind"] == "Job"):
            assert not selector.items() <= job["spec"]["template"]["metadata"]["labels"].items()


def test_migration_runs_before_the_release_and_needs_nothing_of_it(render: Render) -> None:
    objects = render("catalog")
    job = pick(objects, "Job", "catalog-migration")
    hook = job["metadata"]["annotations"]
    assert hook["helm.sh/hook"] == "pre-install,pre-upgrade"
    account = pick(objects, "ServiceAccount", "catalog-migration")["metadata"]["annotations"]
    assert int(account["helm.sh/hook-weight"]) < int(hook["helm.sh/hook-weight"])
    assert job["spec"]["activeDeadlineSeconds"] == 300
    assert job["spec"]["backoffLimit"] == 3
    spec = job["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "catalog-migration"
    container = spec["containers"][0]
    assert "envFrom" not in container, "the ConfigMap does not exist yet"
    assert "configMap" not in {key for volume in spec["volumes"] for key in volume}
    assert container["image"] == pod_spec(objects, "Deployment", "catalog")["containers"][0]["image"]


def test_migration_has_the_environment_of_the_service(render: Render) -> None:
    objects = render("catalog")
    stated = pod_spec(objects, "Job", "catalog-migration")["containers"][0]["env"]
    assert {item["name"]: item["value"] for item in stated} == pick(objects, "ConfigMap", "catalog-env")["data"]


def test_no_migration_unless_asked_for(render: Render) -> None:
    assert not [item for item in render("gateway") if item["kind"] == "Job"]


def test_environment_knows_the_service_and_its_shutdown(render: Render) -> None:
    data = pick(render("gateway", shutdown={"drainSeconds": 4, "inFlightSeconds": 20}), "ConfigMap", "gateway-env")[
        "data"
    ]
    assert data == {
        "SERVICE_NAME": "gateway",
        "SERVICE_VERSION": "0.1.0",
        "DRAIN_SECONDS": "4",
        "SHUTDOWN_SECONDS": "20",
        "ROUTES_FILE": "/etc/service/routes.yaml",
    }


def test_a_pod_gets_the_time_that_its_shutdown_needs(render: Render) -> None:
    objects = render("gateway", shutdown={"preStopSeconds": 10, "drainSeconds": 4, "inFlightSeconds": 20})
    spec = pod_spec(objects, "Deployment", "gateway")
    assert spec["terminationGracePeriodSeconds"] > 10 + 4 + 20
    assert spec["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}


def test_rollout_keeps_every_pod_until_its_successor_is_ready(render: Render) -> None:
    strategy = pick(render("catalog"), "Deployment", "catalog")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def annotations(objects: list[Object], service: str) -> Object:
    found: Object = pick(objects, "Deployment", service)["spec"]["template"]["metadata"]["annotations"]
    return found


def test_any_change_of_configuration_replaces_the_pods(render: Render) -> None:
    before = annotations(render("gateway"), "gateway")
    assert annotations(render("gateway"), "gateway") == before, "nothing changed"
    assert annotations(render("gateway", env={"ROUTES_FILE": "/etc/service/other"}), "gateway") != before
    assert annotations(render("gateway", files={"routes.yaml": "routes: []"}), "gateway") != before
    secret = {"name": "catalog-postgres", "path": "/var/run/secrets/postgres"}
    first = annotations(render("catalog", secrets=[secret | {"checksum": "1"}]), "catalog")
    assert annotations(render("catalog", secrets=[secret | {"checksum": "2"}]), "catalog") != first


def test_a_change_of_a_watched_file_leaves_the_pods_alone(render: Render) -> None:
    """The process takes it up while it runs."""
    before, after = render("web"), render("web", watchedFiles={"topology.yaml": "edges: [1]"})
    assert pick(before, "ConfigMap", "web-watched") != pick(after, "ConfigMap", "web-watched")
    assert pick(before, "Deployment", "web") == pick(after, "Deployment", "web")


def test_watched_files_are_mounted_whole_so_that_a_change_reaches_them(render: Render) -> None:
    """A file mounted by `subPath` never changes."""
    spec = pod_spec(render("web"), "Deployment", "web")
    mount = next(mount for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"] == "/etc/watched")
    assert mount == {"name": "watched", "mountPath": "/etc/watched", "readOnly": True}
    assert {"name": "watched", "configMap": {"name": "web-watched"}} in spec["volumes"]


def test_a_claim_is_mounted_outlives_the_release_and_is_for_one_pod_by_default(render: Render) -> None:
    objects = render("notifications")
    claim = pick(objects, "PersistentVolumeClaim", "notifications-data")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "256Mi"}}}
    deployment = pick(objects, "Deployment", "notifications")["spec"]
    assert deployment["replicas"] == 1
    assert deployment["strategy"]["type"] == "RollingUpdate"
    spec = deployment["template"]["spec"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "notifications-data"}} in spec["volumes"]
    assert {"name": "data", "mountPath": "/var/lib/notifications"} in spec["containers"][0]["volumeMounts"]
    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsUser"]


def test_pods_are_two_unless_said_otherwise(render: Render) -> None:
    assert pick(render("catalog"), "Deployment", "catalog")["spec"]["replicas"] == 2
    assert pick(render("notifications", replicas=2), "Deployment", "notifications")["spec"]["replicas"] == 2


def test_arguments_may_name_settings_and_the_text_itself(render: Render) -> None:
    given = ["-m", "app.main", "$(SERVICE_NAME)", "$(ROUTES_FILE)", "$$(HOME)"]
    container = pod_spec(render("gateway", args=given), "Deployment", "gateway")["containers"][0]
    assert container["args"] == given
    assert container["envFrom"] == [{"configMapRef": {"name": "gateway-env"}}]


def test_files_and_secrets_are_mounted_read_only(render: Render) -> None:
    secrets = [{"name": "one", "path": "/run/one"}, {"name": "two", "path": "/run/two"}]
    spec = pod_spec(render("gateway", secrets=secrets), "Deployment", "gateway")
    mounts = {mount["mountPath"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    assert mounts.keys() == {"/tmp", "/etc/service", "/run/one", "/run/two"}  # noqa: S108 - the pod's own
    assert all(mount.get("readOnly") for path, mount in mounts.items() if path != "/tmp")  # noqa: S108
    modes = [volume["secret"]["defaultMode"] for volume in spec["volumes"] if "secret" in volume]
    assert modes == [0o440, 0o440]


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_budget_only_where_a_pod_can_be_spared(render: Render, replicas: int, budgets: int) -> None:
    objects = render("catalog", replicas=replicas)
    assert len([item for item in objects if item["kind"] == "PodDisruptionBudget"]) == budgets


def test_autoscaler_owns_the_number_of_replicas(render: Render) -> None:
    objects = render("gateway")
    assert "replicas" not in pick(objects, "Deployment", "gateway")["spec"]
    scaler = pick(objects, "HorizontalPodAutoscaler", "gateway")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 4)
    assert not [item for item in render("catalog") if item["kind"] == "HorizontalPodAutoscaler"]


@pytest.mark.parametrize(
    ("given", "seconds"), [({}, 120), ({"scaleDownSeconds": 30}, 30), ({"scaleDownSeconds": 0}, 0)]
)
def test_autoscaler_grows_at_once_and_shrinks_slowly(render: Render, given: Object, seconds: int) -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70} | given
    behavior = pick(render("gateway", autoscaling=scaling), "HorizontalPodAutoscaler", "gateway")["spec"]["behavior"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == seconds
    assert [policy["value"] for policy in behavior["scaleDown"]["policies"]] == [1]


@pytest.mark.parametrize(("given", "numbers"), [({}, []), ({"requestsPerSecond": 10000}, ["10000"])])
def test_autoscaler_counts_requests_where_it_is_told_how_many(
    render: Render, given: Object, numbers: list[str]
) -> None:
    """Beside the CPU, never instead of it: that one needs no Prometheus."""
    scaling = {"minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70} | given
    cpu, *others = pick(render("gateway", autoscaling=scaling), "HorizontalPodAutoscaler", "gateway")["spec"]["metrics"]
    assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    assert [one["type"] for one in others] == ["Pods"] * len(numbers)
    assert [one["pods"]["metric"] for one in others] == [{"name": "http_requests_per_second"}] * len(numbers)
    assert [one["pods"]["target"] for one in others] == [
        {"type": "AverageValue", "averageValue": number} for number in numbers
    ]


def test_pods_are_spread_over_nodes(render: Render) -> None:
    (constraint,) = pod_spec(render("catalog"), "Deployment", "catalog")["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["maxSkew"] == 1
