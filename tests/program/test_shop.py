"""The services' releases: values that the chart takes, and the ways in that the cluster gives."""

from typing import Any

import pulumi
import pytest
import yaml

from infra.shop.catalog import SECRET, checksum
from infra.shop.gateway import ROUTES, gateway_values
from infra.shop.service import CHART
from infra.shop.shop import ways_in
from tests.program.recording import Object, Recorded, digest, password, public, settled
from tests.program.schema import problems
from toolchain.kind import GATEWAY_NODE_PORT

RELEASE = "kubernetes:helm.sh/v3:Release"
SCHEMA: Object = yaml.safe_load((CHART / "values.schema.json").read_text())
DEFAULTS: Object = yaml.safe_load((CHART / "values.yaml").read_text())
SERVICES = {"catalog": "shop", "gateway": "edge"}


def with_defaults(values: Any, defaults: Any = DEFAULTS) -> Any:
    """The values as Helm hands them to a chart: maps are merged, everything else is replaced."""
    if not (isinstance(values, dict) and isinstance(defaults, dict)):
        return values
    merged = {key: with_defaults(value, defaults.get(key)) for key, value in values.items()}
    return defaults | merged


@pytest.fixture(params=sorted(SERVICES))
def release(request: pytest.FixtureRequest, stack: Recorded) -> Object:
    """Each service's release, for each target."""
    return stack.one(RELEASE, request.param).inputs


def test_every_release_s_values_are_valid_by_the_chart_s_schema(release: Object) -> None:
    assert problems(with_defaults(release["values"]), SCHEMA) == []


def test_every_release_is_of_the_one_chart_in_its_namespace(release: Object) -> None:
    assert release["chart"] == str(CHART)
    assert release["namespace"] == SERVICES[release["name"]]
    assert release["timeout"] == 300


def test_every_release_runs_its_own_image(release: Object) -> None:
    assert release["values"]["image"].endswith(f"/{release['name']}@{digest(release['name'])}")


def test_the_catalog_reaches_its_database_with_a_password_from_a_file(stack: Recorded) -> None:
    values = stack.one(RELEASE, "catalog").inputs["values"]
    assert values["env"] == {
        "POSTGRES_HOST": "postgres.data",
        "POSTGRES_PORT": "5432",
        "POSTGRES_DATABASE": "catalog",
        "POSTGRES_USER": "catalog",
        "POSTGRES_PASSWORD_FILE": "/run/secrets/postgres/password",
    }
    assert values["migration"] == {"enabled": True}
    (mounted,) = values["secrets"]
    assert values["env"]["POSTGRES_PASSWORD_FILE"].startswith(f"{mounted['path']}/")


def test_the_catalog_s_password_is_the_one_that_the_server_knows(stack: Recorded) -> None:
    """The same password stands in both namespaces, and its checksum replaces the pods when it changes."""
    secret = stack.one("kubernetes:core/v1:Secret", SECRET)
    server = stack.one("kubernetes:core/v1:Secret", "postgres")
    assert secret.inputs["metadata"]["namespace"] == "shop"
    assert secret.inputs["stringData"] == {"password": server.inputs["stringData"]["catalog"]}
    (mounted,) = stack.one(RELEASE, "catalog").inputs["values"]["secrets"]
    assert mounted["name"] == secret.inputs["metadata"]["name"]
    assert mounted["checksum"] == checksum(password("postgres-catalog"))


def test_the_catalog_is_released_after_its_store_and_its_secret(stack: Recorded) -> None:
    """Its migration runs first thing, so both are there."""
    needed = {
        stack.one("kubernetes:apps/v1:StatefulSet", "postgres").urn,
        stack.one("kubernetes:core/v1:Secret", SECRET).urn,
    }
    assert needed <= stack.before(stack.one(RELEASE, "catalog"))


def test_the_gateway_gets_a_node_port_and_a_fixed_address_where_the_cluster_has_them(kind_stack: Recorded) -> None:
    values = kind_stack.one(RELEASE, "gateway").inputs["values"]
    assert values["nodePort"] == GATEWAY_NODE_PORT
    assert values["loadBalancer"] == {"enabled": True, "annotations": {"lbipam.cilium.io/ips": "172.18.255.200"}}


def test_the_gateway_leaves_the_address_to_a_cluster_that_gives_its_own(existing_stack: Recorded) -> None:
    values = existing_stack.one(RELEASE, "gateway").inputs["values"]
    assert values["nodePort"] == 0
    assert values["loadBalancer"] == {"enabled": True, "annotations": {}}


def test_the_gateway_s_routes_are_a_file_that_it_is_told_of() -> None:
    values = gateway_values(node_port=False, address=None)
    (name, text), *none = values["files"].items()
    assert not none
    assert values["env"]["ROUTES_FILE"] == f"/etc/service/{name}"
    assert yaml.safe_load(text) == {"routes": ROUTES}
    assert {route["path"]: route["upstream"] for route in ROUTES}["/api/products"] == "http://catalog.shop/products"


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


def test_a_secret_value_stays_hidden_inside_a_release(stack: Recorded) -> None:
    """Even the checksum of a password is not shown."""
    wire = stack.one(RELEASE, "catalog").wire
    assert checksum(password("postgres-catalog")) not in str(public(wire))
