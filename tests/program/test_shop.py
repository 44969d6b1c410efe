"""The services' releases: values that the chart takes and the service knows, and what is there before each."""

import re
from typing import Any

import pulumi
import pytest
import yaml

from infra.data.data import DATABASES
from infra.lib.checksum import checksum
from infra.shop.service import CHART
from infra.shop.shop import ways_in
from infra.shop.stores import USES
from tests.program.recording import Object, Recorded, digest, password, public, settled
from tests.program.schema import problems
from tests.program.service_settings import GIVEN, settings
from toolchain.kind import GATEWAY_NODE_PORT

RELEASE = "kubernetes:helm.sh/v3:Release"
SECRET = "kubernetes:core/v1:Secret"
SCHEMA: Object = yaml.safe_load((CHART / "values.schema.json").read_text())
DEFAULTS: Object = yaml.safe_load((CHART / "values.yaml").read_text())
SERVICES = {
    **dict.fromkeys(("catalog", "inventory", "orders", "payments", "notifications", "report"), "shop"),
    **dict.fromkeys(("gateway", "web"), "edge"),
    "loadgen": "lab",
}
STORES = ("postgres", "valkey", "nats")
LOGINS = [(service, store) for service, stores in USES.items() for store in stores]


def with_defaults(values: Any, defaults: Any = DEFAULTS) -> Any:
    """The values as Helm hands them to a chart: maps are merged, everything else is replaced."""
    if not (isinstance(values, dict) and isinstance(defaults, dict)):
        return values
    merged = {key: with_defaults(value, defaults.get(key)) for key, value in values.items()}
    return defaults | merged


def values(stack: Recorded, service: str) -> Object:
    """What the release of a service is given, with the chart's defaults."""
    found: Object = with_defaults(stack.one(RELEASE, service).inputs["values"])
    return found


@pytest.fixture(params=sorted(SERVICES))
def release(request: pytest.FixtureRequest, stack: Recorded) -> Object:
    """Each service's release, for each target."""
    return stack.one(RELEASE, request.param).inputs


def test_every_service_is_released_and_nothing_else_by_this_chart(stack: Recorded) -> None:
    released = {one.name: one.inputs["namespace"] for one in stack.of_type(RELEASE) if one.name != "cilium"}
    assert released == SERVICES


def test_every_release_s_values_are_valid_by_the_chart_s_schema(release: Object) -> None:
    assert problems(with_defaults(release["values"]), SCHEMA) == []


def test_every_release_is_of_the_one_chart_in_its_namespace(release: Object) -> None:
    assert release["chart"] == str(CHART)
    assert release["timeout"] == 300


def test_every_release_runs_its_own_image(release: Object) -> None:
    assert release["values"]["image"].endswith(f"/{release['name']}@{digest(release['name'])}")


def test_every_service_knows_each_setting_that_it_is_given(release: Object) -> None:
    """A variable of a misspelt name would be passed over, and the service would go on with its default."""
    given = with_defaults(release["values"])
    in_arguments = set(re.findall(r"\$\(([A-Z_]+)\)", " ".join(given["args"])))
    assert given["env"].keys() - in_arguments <= settings(release["name"]).keys()
    assert in_arguments <= given["env"].keys()


def test_every_service_is_given_each_setting_that_it_cannot_do_without(release: Object) -> None:
    needed = {name for name, must in settings(release["name"]).items() if must}
    assert needed - GIVEN <= release["values"]["env"].keys()


def test_every_file_that_a_setting_names_is_mounted(release: Object) -> None:
    given = with_defaults(release["values"])
    mounted = {f"/etc/watched/{name}" for name in given["watchedFiles"]}
    mounted |= {f"{secret['path']}/password" for secret in given["secrets"]}
    named = {value for name, value in given["env"].items() if name.endswith("_FILE")}
    assert named == mounted
    folders = {value for name, value in given["env"].items() if name.endswith("_FOLDER")}
    assert folders == ({given["claim"]["path"]} if given["claim"] else set())


def test_every_url_leads_to_a_service_where_it_is_released(release: Object) -> None:
    there = {f"http://{name}.{namespace}" for name, namespace in SERVICES.items()}
    there |= {"http://pushgateway.observability:9091", "http://prometheus.observability:9090"}
    assert {value for value in release["values"]["env"].values() if value.startswith("http")} <= there


def test_a_cronjob_is_not_waited_for_and_everything_else_is(release: Object) -> None:
    """A claim whose first pod is still to come is never bound, so waiting for it would end in a failure."""
    assert release["skipAwait"] == (release["name"] in {"report", "loadgen"}) == ("schedule" in release["values"])


def test_requests_are_modest_and_what_scales_by_load_asks_for_some(release: Object) -> None:
    given = with_defaults(release["values"])
    assert given["resources"]["requests"]["cpu"] in {"25m", "50m"}
    assert given["resources"]["requests"]["memory"] == "80Mi"
    assert given["resources"]["limits"] == {"memory": "256Mi"}
    scaling = {"minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70, "requestsPerSecond": 20, "scaleDownSeconds": 60}
    assert given["autoscaling"] == (scaling if release["name"] in {"catalog", "gateway"} else {})


def test_replicas_are_two_where_nothing_else_decides(stack: Recorded) -> None:
    for service in ("inventory", "orders", "payments", "web"):
        assert values(stack, service)["replicas"] == 2
    assert values(stack, "notifications")["replicas"] == 1


@pytest.mark.parametrize(("service", "store"), LOGINS)
def test_a_service_logs_in_by_its_own_password_which_the_store_knows(stack: Recorded, service: str, store: str) -> None:
    """The same password stands in the service's namespace, as a file, and its checksum replaces the pods."""
    secret = stack.one(SECRET, f"{service}-{store}").inputs
    drawn = password(f"{store}-{service}")
    assert secret["metadata"]["namespace"] == SERVICES[service]
    assert secret["stringData"] == {"password": drawn}
    (mounted,) = [one for one in values(stack, service)["secrets"] if one["name"] == secret["metadata"]["name"]]
    assert mounted == {"name": f"{service}-{store}", "path": f"/run/secrets/{store}", "checksum": checksum(drawn)}


def test_a_service_has_no_login_beside_those_that_it_uses(release: Object) -> None:
    """Of any store, so neither its settings nor its Secrets."""
    used = USES.get(release["name"], ())
    given = with_defaults(release["values"])
    assert [secret["name"] for secret in given["secrets"]] == [f"{release['name']}-{store}" for store in used]
    assert {name.partition("_")[0].lower() for name in given["env"]} & set(STORES) == set(used)


def test_every_service_with_a_database_migrates_it_before_each_release(stack: Recorded) -> None:
    with_database = {service for service, stores in USES.items() if "postgres" in stores}
    assert with_database == set(DATABASES)
    assert {service for service in SERVICES if values(stack, service)["migration"]["enabled"]} == with_database


@pytest.mark.parametrize(
    ("service", "settings_of_stores"),
    [
        (
            "catalog",
            {
                "POSTGRES_HOST": "postgres.data",
                "POSTGRES_PORT": "5432",
                "POSTGRES_DATABASE": "catalog",
                "POSTGRES_USER": "catalog",
                "POSTGRES_PASSWORD_FILE": "/run/secrets/postgres/password",
                "VALKEY_HOST": "valkey.data",
                "VALKEY_PORT": "6379",
                "VALKEY_USER": "catalog",
                "VALKEY_PASSWORD_FILE": "/run/secrets/valkey/password",
            },
        ),
        (
            "notifications",
            {
                "NATS_URL": "nats://nats.data:4222",
                "NATS_USER": "notifications",
                "NATS_PASSWORD_FILE": "/run/secrets/nats/password",
            },
        ),
    ],
)
def test_a_service_is_told_where_its_stores_are(
    stack: Recorded, service: str, settings_of_stores: dict[str, str]
) -> None:
    told = values(stack, service)["env"]
    assert {name: told[name] for name in told if name.partition("_")[0].lower() in STORES} == settings_of_stores


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_is_released_after_its_stores_and_its_secrets_and_waits_for_no_other(
    stack: Recorded, service: str
) -> None:
    """Its migration runs first thing, so what it needs is there."""
    before = stack.before(stack.one(RELEASE, service))
    used = USES.get(service, ())
    servers = {store: stack.one("kubernetes:apps/v1:StatefulSet", store).urn for store in STORES}
    assert {store for store, urn in servers.items() if urn in before} == set(used)
    assert {stack.one(SECRET, f"{service}-{store}").urn for store in used} <= before


def test_the_gateway_gets_a_node_port_and_a_fixed_address_where_the_cluster_has_them(kind_stack: Recorded) -> None:
    given = kind_stack.one(RELEASE, "gateway").inputs["values"]
    assert given["nodePort"] == GATEWAY_NODE_PORT
    assert given["loadBalancer"] == {"enabled": True, "annotations": {"lbipam.cilium.io/ips": "172.18.255.200"}}


def test_the_gateway_leaves_the_address_to_a_cluster_that_gives_its_own(existing_stack: Recorded) -> None:
    given = existing_stack.one(RELEASE, "gateway").inputs["values"]
    assert given["nodePort"] == 0
    assert given["loadBalancer"] == {"enabled": True, "annotations": {}}


def test_only_the_gateway_has_ways_in_from_outside(release: Object) -> None:
    if release["name"] != "gateway":
        given = with_defaults(release["values"])
        assert (given["nodePort"], given["loadBalancer"]["enabled"]) == (0, False)


@pytest.mark.parametrize(
    ("node_port", "address", "urls"),
    [
        (
            "http://127.0.0.1:8080",
            "10.0.0.1",
            {"gateway": "http://127.0.0.1:8080", "gateway (load balancer)": "http://10.0.0.1"},
        ),
        ("http://127.0.0.1:8080", None, {"gateway": "http://127.0.0.1:8080"}),
        (None, "10.0.0.1", {"gateway (load balancer)": "http://10.0.0.1"}),
        (None, None, {}),
    ],
)
def test_a_way_in_that_the_cluster_does_not_give_is_left_out(
    node_port: str | None, address: str | None, urls: dict[str, str]
) -> None:
    def given(text: str | None) -> pulumi.Output[str] | None:
        return None if text is None else pulumi.Output.from_input(text)

    assert settled(lambda: ways_in(given(node_port), given(address))) == urls


def test_a_checksum_follows_the_secret_and_does_not_hold_it() -> None:
    assert checksum("one") == checksum("one") != checksum("two")
    assert len(checksum("one")) == 16
    assert "one" not in checksum("one")


@pytest.mark.parametrize(("service", "store"), LOGINS)
def test_a_secret_value_stays_hidden_inside_a_release(stack: Recorded, service: str, store: str) -> None:
    """Even the checksum of a password is not shown."""
    wire = stack.one(RELEASE, service).wire
    assert checksum(password(f"{store}-{service}")) not in str(public(wire))
