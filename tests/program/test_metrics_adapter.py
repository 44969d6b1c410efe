"""The metrics adapter: what it answers, whom it believes, and what it may do."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.observability import metrics_adapter
from infra.shop.service import CHART
from tests.program.recording import Object, Recorded, certificate, container, password, public
from tests.program.test_shop import SERVICES

RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
NAME = "metrics-adapter"
METRICS = Path(__file__).parents[2] / "services" / "kit" / "blueprint_kit" / "metrics.py"


@pytest.fixture(scope="module")
def found(kind_stack: Recorded) -> Recorded:
    """The stack on a cluster of kind."""
    return kind_stack


@pytest.fixture
def api(found: Recorded) -> Object:
    """The API that leads to it."""
    spec: Object = found.one("kubernetes:apiregistration.k8s.io/v1:APIService", "custom-metrics-api").inputs["spec"]
    return spec


@pytest.fixture
def rule() -> Object:
    """Its one rule."""
    (one,) = yaml.safe_load(metrics_adapter.rules_file())["rules"]
    return dict(one)


def bound(found: Recorded) -> dict[str, tuple[str, str]]:
    """Namespace of each binding to the adapter, or `everywhere` → kind and name of the role."""
    made = [*found.of_type(f"{RBAC}:ClusterRoleBinding"), *found.of_type(f"{RBAC}:RoleBinding")]
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": "observability"}
    own = [one.inputs for one in made if subject in one.inputs["subjects"]]
    return {
        one["metadata"].get("namespace", "everywhere"): (one["roleRef"]["kind"], one["roleRef"]["name"]) for one in own
    }


def test_the_api_server_knows_it_by_the_stack_s_authority_and_its_name(found: Recorded, api: Object) -> None:
    assert "insecureSkipTLSVerify" not in api
    assert base64.b64decode(api["caBundle"]).decode() == certificate("authority")
    leaf = next(one.inputs for one in found.resources if one.name == f"{NAME}-certificate")
    assert leaf["authority_certificate"] == certificate("authority")
    assert f"{api['service']['name']}.{api['service']['namespace']}.svc" in leaf["hosts"]


def test_the_api_leads_to_the_adapter_once_it_is_there(found: Recorded, api: Object) -> None:
    registered = found.one("kubernetes:apiregistration.k8s.io/v1:APIService", "custom-metrics-api")
    assert (
        registered.inputs["metadata"]["name"] == f"{api['version']}.{api['group']}" == "v1beta2.custom.metrics.k8s.io"
    )
    service = found.one("kubernetes:core/v1:Service", NAME).inputs
    (outer,), (inner,) = service["spec"]["ports"], container(found, NAME)["ports"]
    assert (api["service"]["port"], outer["port"], outer["targetPort"]) == (443, 443, inner["name"])
    assert f"--secure-port={inner['containerPort']}" in container(found, NAME)["args"]
    assert found.one("kubernetes:apps/v1:Deployment", NAME).urn in found.before(registered)


def test_its_key_is_a_file_that_is_seen_nowhere(found: Recorded) -> None:
    secret = found.one("kubernetes:core/v1:Secret", NAME)
    assert secret.inputs["stringData"]["tls.key"] == password(f"{NAME}-certificate")
    assert password(f"{NAME}-certificate") not in json.dumps(public(secret.wire))
    arguments = container(found, NAME)["args"]
    assert {
        "--tls-cert-file=/run/secrets/certificate/tls.crt",
        "--tls-private-key-file=/run/secrets/certificate/tls.key",
    } <= set(arguments)


def test_it_may_ask_who_asks_and_list_pods_where_something_is_scaled(found: Recorded) -> None:
    assert bound(found) == {
        "everywhere": ("ClusterRole", "system:auth-delegator"),
        "kube-system": ("Role", "extension-apiserver-authentication-reader"),
        "edge": ("Role", NAME),
        "shop": ("Role", NAME),
    }
    for space in metrics_adapter.SCALED_SPACES:
        role = found.one(f"{RBAC}:Role", f"{NAME}-{space}").inputs
        assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]


def test_it_may_list_pods_where_the_services_are_that_scale() -> None:
    assert set(metrics_adapter.SCALED_SPACES) == {SERVICES[name] for name in ("gateway", "catalog")}


def test_the_chart_asks_for_the_metric_that_it_answers(rule: Object) -> None:
    assert rule["name"]["as"] == metrics_adapter.METRIC
    assert f"name: {metrics_adapter.METRIC}\n" in (CHART / "templates" / "availability.yaml").read_text()


def test_the_rule_asks_for_metrics_that_every_service_has(rule: Object) -> None:
    """The gauge is there from a service's start on: a pod without a request counts as 0, not as unknown."""
    declared = METRICS.read_text()
    assert 'Gauge("http_requests_in_flight", ' in declared
    assert 'Counter("http_requests_total", ' in declared
    assert rule["seriesQuery"].startswith("http_requests_in_flight{")
    answered, otherwise = rule["metricsQuery"].split(" or 0 * ")
    assert "rate(http_requests_total{" in answered
    assert "<<.Series>>" in otherwise
    for part in (answered, otherwise):
        assert 'job="services",<<.LabelMatchers>>' in part
        assert part.startswith("sum by (<<.GroupBy>>) (")


def test_its_pod_is_restricted_and_moves_soon_from_a_node_that_is_away(found: Recorded) -> None:
    pod: dict[str, Any] = found.pod_specs()[NAME]
    assert pod["automountServiceAccountToken"] is True, "it asks the API server who asks"
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 65532)
    assert {one["tolerationSeconds"] for one in pod["tolerations"]} == {30}
    one = container(found, NAME)
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["resources"]["limits"] == {"memory": "128Mi"}
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        assert (one[probe]["httpGet"]["path"], one[probe]["httpGet"]["scheme"]) == (path, "HTTPS")


def test_other_rules_replace_the_pod(found: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    before = metrics_adapter.program("image").reads
    monkeypatch.setattr(metrics_adapter, "METRIC", "another")
    assert metrics_adapter.program("image").reads != before
    template = found.one("kubernetes:apps/v1:Deployment", NAME).inputs["spec"]["template"]
    assert template["metadata"]["annotations"] == {"blueprint/reads": before}
