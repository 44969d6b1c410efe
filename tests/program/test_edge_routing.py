"""Edge routing: who may read which certificate, what is there before what, and that both ways say the same routes."""

import json
import re
from typing import Any

import pulumi
import pytest
import yaml

from infra.cluster import create_cluster
from infra.edge import EdgeRouting, routes
from infra.edge.contour import UNUSED, configuration, own_rules
from infra.edge.edge import second_address
from infra.edge.envoy import DRAIN_SECONDS, HEAP_MIB, LIMIT_MIB, STOP_SECONDS
from infra.foundation import Foundation
from infra.image import Images
from infra.lib.authority import Authority
from infra.settings import Settings, from_pulumi
from tests.program import recording
from tests.program.conftest import EXISTING_KUBECONFIG, KIND
from tests.program.recording import (
    Object,
    Recorded,
    Registered,
    certificate,
    defined,
    is_secret,
    password,
    public,
    record,
    revealed,
)
from toolchain import definitions
from toolchain.errors import ToolchainError

GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SECRET = "kubernetes:core/v1:Secret"
DYNAMIC = "pulumi-python:dynamic:Resource"


def routing_alone() -> None:
    """A program with nothing on the cluster but its foundation and the edge."""
    settings: Settings = from_pulumi(pulumi.runtime.config.CONFIG.get(), "test")
    authority = Authority("authority")
    cluster = create_cluster(settings, authority)
    images = Images(cluster)
    foundation = Foundation(cluster, images)
    edge = EdgeRouting(cluster, foundation, authority, images)
    pulumi.export("namespaces", foundation.namespaces)
    pulumi.export("urls", edge.urls)


def recorded(tmp: pytest.TempPathFactory, config: Object) -> Recorded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "_program", routing_alone)
        return record(tmp.mktemp("chart"), config)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Edge routing on a cluster of kind."""
    return recorded(tmp_path_factory, KIND)


def of_edge(edge: Recorded) -> list[Registered]:
    """What edge routing made of it."""
    component = edge.one("blueprint:edge:EdgeRouting")
    return [one for one in edge.resources if one.parent == component.urn]


def rules(edge: Recorded, kind: str) -> list[Object]:
    """The rules of Contour's Role or ClusterRole."""
    return list(edge.one(f"kubernetes:rbac.authorization.k8s.io/v1:{kind}", "contour").inputs["rules"])


def backends(route: Object) -> dict[str, str]:
    """Path → service of an HTTPRoute."""
    return {rule["matches"][0]["path"]["value"]: rule["backendRefs"][0]["name"] for rule in route["rules"]}


def test_what_a_part_needs_is_there_before_it(edge: Recorded) -> None:
    """Contour does not start without its kinds, and Envoy is not ready before Contour told it what to serve."""
    kinds = {one.urn for one in edge.of_type(DEFINITION)}
    contour, envoy = (edge.one(DEPLOYMENT, name) for name in ("contour", "envoy"))
    assert len(kinds) == len(definitions.GATEWAY_API) + len(definitions.CONTOUR)
    assert kinds | {edge.one(SECRET, "contour-xds").urn} <= edge.before(contour)
    assert kinds <= edge.before(edge.one(GATEWAY)) & edge.before(edge.one(ROUTE, "shop"))
    assert {contour.urn, edge.one(SECRET, "envoy-xds").urn} <= edge.before(envoy)


def test_contour_reads_secrets_of_its_own_namespace_alone(edge: Recorded) -> None:
    """Its published role reads every Secret of the cluster, the passwords of the stores among them."""
    everywhere = [resource for rule in rules(edge, "ClusterRole") for resource in rule["resources"]]
    assert sorted(everywhere) == ["gatewayclasses", "namespaces"]
    assert "secrets" in [resource for rule in rules(edge, "Role") for resource in rule["resources"]]
    assert edge.one("kubernetes:rbac.authorization.k8s.io/v1:Role", "contour").inputs["metadata"]["namespace"] == "edge"
    (container,) = edge.pod_specs()["contour"]["containers"]
    assert "--watch-namespaces=edge" in container["args"]


def test_contour_changes_nothing_but_the_state_of_what_it_serves(edge: Recorded) -> None:
    for rule in (*rules(edge, "Role"), *rules(edge, "ClusterRole")):
        assert not [word for values in rule.values() for word in values if "*" in word]
        if not all(resource.endswith("/status") for resource in rule["resources"]):
            assert set(rule["verbs"]) == {"get", "list", "watch"}, rule


def test_every_kind_that_contour_may_read_is_there_and_no_other_is_watched(edge: Recorded) -> None:
    """A kind that is neither Kubernetes' own nor defined here would keep Contour from starting."""
    names = {one.name for one in edge.of_type(DEFINITION)}
    read = {
        f"{resource}.{rule['apiGroups'][0]}"
        for rule in (*rules(edge, "Role"), *rules(edge, "ClusterRole"))
        for resource in rule["resources"]
        if "/" not in resource and rule["apiGroups"][0] in ("gateway.networking.k8s.io", "projectcontour.io")
    }
    assert read == names
    (container,) = edge.pod_specs()["contour"]["containers"]
    assert {f"--disable-feature={kind}" for kind in UNUSED} <= set(container["args"])
    assert not {name.partition(".")[0] for name in names} & set(UNUSED)


def test_what_envoy_is_told_is_told_to_nobody_else(edge: Recorded) -> None:
    """Whoever may ask Contour gets every host's key, so what lets one ask is signed by an authority of its own."""
    leaves = {one.name: one.inputs for one in edge.of_type(DYNAMIC) if "authority_certificate" in one.inputs}
    signer = {name: leaf["authority_certificate"] for name, leaf in leaves.items()}
    assert signer == {
        "contour-xds": certificate("edge-inside"),
        "envoy-xds": certificate("edge-inside"),
        "gateway-certificate": certificate("authority"),
        "ingress-certificate": certificate("authority"),
    }
    (container,) = edge.pod_specs()["contour"]["containers"]
    assert "--contour-cafile=/run/secrets/certificate/ca.crt" in container["args"]
    assert edge.one(SECRET, "contour-xds").inputs["stringData"]["ca.crt"] == certificate("edge-inside")
    assert leaves["contour-xds"]["hosts"] == ["contour"], "the name that Envoy asks for"


def test_no_key_is_seen_in_the_plan_or_the_state(edge: Recorded) -> None:
    for one in edge.of_type(SECRET):
        assert is_secret(one.wire["stringData"]) or is_secret(one.wire["stringData"]["tls.key"]), one.name
    seen, kept = (json.dumps([show(one.wire) for one in of_edge(edge)]) for show in (public, revealed))
    for name in ("edge-inside", "contour-xds", "envoy-xds", "gateway-certificate", "ingress-certificate"):
        assert password(name) not in seen
        assert password(name) in kept


def test_every_host_has_a_certificate_that_names_it(edge: Recorded) -> None:
    hosts = {one.name: one.inputs["hosts"] for one in edge.of_type(DYNAMIC) if "hosts" in one.inputs}
    gateway = edge.one(GATEWAY).inputs["spec"]
    (https,) = [listener for listener in gateway["listeners"] if listener["protocol"] == "HTTPS"]
    (reference,) = https["tls"]["certificateRefs"]
    for name, route in routes.routes().items():
        assert set(route["hostnames"]) <= set(hosts[reference["name"]]), name
    (tls,) = edge.one("kubernetes:networking.k8s.io/v1:Ingress").inputs["spec"]["tls"]
    assert hosts[tls["secretName"]] == tls["hosts"] == [routes.INGRESS]


def test_both_ways_lead_the_same_paths_to_the_same_services(edge: Recorded) -> None:
    (rule,) = edge.one("kubernetes:networking.k8s.io/v1:Ingress").inputs["spec"]["rules"]
    ingress = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert ingress == backends(edge.one(ROUTE, "shop").inputs["spec"]) == {"/api": "gateway", "/": "web"}
    assert backends(edge.one(ROUTE, "api").inputs["spec"]) == {"/": "gateway"}


def test_plain_requests_are_sent_to_tls_and_to_no_service(edge: Recorded) -> None:
    plain = [
        one.inputs["spec"]
        for one in edge.of_type(ROUTE)
        if one.inputs["spec"]["parentRefs"][0]["sectionName"] == "http"
    ]
    (redirect,) = plain
    assert set(redirect["hostnames"]) == {routes.SHOP, routes.API}
    assert [rule.keys() for rule in redirect["rules"]] == [{"filters"}]
    annotations = edge.one("kubernetes:networking.k8s.io/v1:Ingress").inputs["metadata"]["annotations"]
    assert annotations["ingress.kubernetes.io/force-ssl-redirect"] == "true"


def test_no_listener_takes_hosts_away_from_another(edge: Recorded) -> None:
    """Seen live: with a host named by the one for HTTPS, Contour refused the redirects of the one for HTTP."""
    assert not [one["name"] for one in edge.one(GATEWAY).inputs["spec"]["listeners"] if "hostname" in one]


def test_only_the_gateway_s_own_namespace_may_add_routes(edge: Recorded) -> None:
    listeners = edge.one(GATEWAY).inputs["spec"]["listeners"]
    assert [one["allowedRoutes"] for one in listeners] == [{"namespaces": {"from": "Same"}}] * 2


def test_contour_s_file_names_the_gateway_and_the_service_that_are_made(edge: Recorded) -> None:
    settings = yaml.safe_load(configuration("edge"))
    gateway = edge.one(GATEWAY).inputs["metadata"]
    assert settings["gateway"]["gatewayRef"] == {"namespace": gateway["namespace"], "name": gateway["name"]}
    service = edge.one("kubernetes:core/v1:Service", "envoy").inputs
    named = {"namespace": settings["envoy-service-namespace"], "name": settings["envoy-service-name"]}
    assert named.items() <= service["metadata"].items()
    ports = {port["name"]: port["containerPort"] for port in edge.pod_specs()["envoy"]["containers"][0]["ports"]}
    (contour,) = edge.pod_specs()["contour"]["containers"]
    assert f"--stats-port={ports['metrics']}" in contour["args"]
    assert {port["port"]: ports[port["targetPort"]] for port in service["spec"]["ports"]} == {80: 8080, 443: 8443}


def test_the_way_in_has_the_second_address(edge: Recorded) -> None:
    """The first is the gateway's."""
    service = edge.one("kubernetes:core/v1:Service", "envoy").inputs
    assert service["metadata"]["annotations"]["lbipam.cilium.io/ips"] == "172.18.255.201"
    assert edge.outputs["urls"] == dict.fromkeys([routes.SHOP, routes.API, routes.INGRESS], "https://172.18.255.201")
    assert second_address(["10.0.0.255", "10.0.1.9"]) == "10.0.1.0"


def test_an_existing_cluster_keeps_its_own_edge(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("kubeconfig") / "config"
    file.write_text(EXISTING_KUBECONFIG)
    config = {"target": "existing", "kubeconfig": file, "context": "two", "registry": "registry.test:5000/shop"}
    existing = recorded(tmp_path_factory, config)
    assert of_edge(existing) == []
    assert existing.outputs["urls"] == {}


@pytest.mark.parametrize("name", ["contour", "envoy"])
def test_every_container_is_restricted_bounded_and_named_by_digest(edge: Recorded, name: str) -> None:
    pod = edge.pod_specs()[name]
    labels = edge.one(DEPLOYMENT, name).inputs["spec"]["template"]["metadata"]["labels"]
    assert {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "blueprint"}.items() <= labels.items()
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        assert re.fullmatch(rf"shop-town-registry:5000/{name}@sha256:[0-9a-f]{{64}}", container["image"])
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is (name == "contour"), "Envoy asks Contour, not the API server"


def test_an_envoy_has_time_to_see_its_clients_off(edge: Recorded) -> None:
    """Longer than an idle connection is kept; and it takes no more connections before its memory ends."""
    idle = yaml.safe_load(configuration("edge"))["timeouts"]["connection-idle-timeout"]
    assert DRAIN_SECONDS + int(idle.removesuffix("s")) < STOP_SECONDS
    assert HEAP_MIB < LIMIT_MIB
    strategy = edge.one(DEPLOYMENT, "envoy").inputs["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
    (container,) = edge.pod_specs()["envoy"]["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"][:3] == ["contour", "envoy", "shutdown"]


def test_the_rules_are_made_anew_for_each_role() -> None:
    """They are mutable, so two roles must not share one."""
    assert own_rules()[0] is not own_rules()[0]


def named(objects: list[Any]) -> list[str]:
    """Their names."""
    return [one["metadata"]["name"] for one in objects]


def test_the_stand_ins_here_are_the_definitions_that_the_modules_ship() -> None:
    """Read from Go's module cache where it has them: the names are right, and nothing says null."""
    try:
        found = definitions.edge()
    except (ToolchainError, FileNotFoundError):
        pytest.skip("needs Go and its module proxy")
    assert named(found) == named(defined())
    assert all(one["metadata"].keys() == {"name", "annotations"} for one in found)
    assert '"description": "' not in json.dumps(found)
