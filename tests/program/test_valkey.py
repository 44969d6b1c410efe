"""Valkey: a cache that keeps nothing, of a bounded size, whose users may do what they need and no more."""

import hashlib
import re
from pathlib import Path

import pytest

from infra.data import valkey
from infra.lib.checksum import checksum
from tests.program.recording import Object, Recorded, password, public

SET = "kubernetes:apps/v1:StatefulSet"
CATALOGS_TESTS = Path(__file__).parents[2] / "services" / "catalog" / "tests" / "cache_server.py"


@pytest.fixture
def spec(stack: Recorded) -> Object:
    """The StatefulSet's spec, for each target."""
    found: Object = stack.one(SET, "valkey").inputs["spec"]
    return found


@pytest.fixture
def container(spec: Object) -> Object:
    """The server's container."""
    (found,) = spec["template"]["spec"]["containers"]
    return dict(found)


def options(container: Object) -> dict[str, str]:
    """The container's arguments, by their names."""
    return dict(zip(container["args"][::2], container["args"][1::2], strict=True))


def test_it_keeps_nothing(spec: Object, container: Object) -> None:
    given = options(container)
    assert (given["--save"], given["--appendonly"]) == ("", "no")
    assert "volumeClaimTemplates" not in spec
    assert [volume["name"] for volume in spec["template"]["spec"]["volumes"]] == ["users"]


def test_there_is_never_more_than_one_server(spec: Object) -> None:
    """Of two, one would not hear of an invalidation. A StatefulSet ends the old pod before it makes the new one."""
    assert spec["replicas"] == 1
    assert "updateStrategy" not in spec


def test_its_size_is_an_argument_that_a_configmap_gives(stack: Recorded, container: Object) -> None:
    """Concept F8. It leaves room in the container's limit."""
    settings = stack.one("kubernetes:core/v1:ConfigMap", "valkey").inputs
    (variable,) = container["env"]
    assert variable == {
        "name": "VALKEY_MAXMEMORY",
        "valueFrom": {"configMapKeyRef": {"name": settings["metadata"]["name"], "key": "VALKEY_MAXMEMORY"}},
    }
    given = options(container)
    assert (given["--maxmemory"], given["--maxmemory-policy"]) == ("$(VALKEY_MAXMEMORY)", "allkeys-lru")
    assert settings["data"] == {"VALKEY_MAXMEMORY": "64mb"}
    assert container["resources"]["limits"]["memory"] == "128Mi"


def test_a_change_of_what_it_reads_at_its_start_restarts_it(stack: Recorded, spec: Object) -> None:
    users = stack.one("kubernetes:core/v1:Secret", "valkey").inputs["stringData"][valkey.USERS_FILE]
    (written,) = spec["template"]["metadata"]["annotations"].values()
    assert written == checksum(f"{users}{valkey.SETTINGS}")


def test_probes_ask_the_port_then_by_command(container: Object) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[container["startupProbe"]["tcpSocket"]["port"]] == 6379
    for kind in ("readiness", "liveness"):
        command = container[f"{kind}Probe"]["exec"]["command"]
        assert command == ["valkey-cli", "-e", "--no-auth-warning", "--user", "probe", "--pass", "", "ping"]


def test_the_server_knows_no_password(stack: Recorded) -> None:
    """Its file holds a hash. The password itself is in no object of the server's, and the hash in no public one."""
    secret = stack.one("kubernetes:core/v1:Secret", "valkey")
    for user in ("catalog", "exporter"):
        plain = password(f"valkey-{user}")
        hashed = hashlib.sha256(plain.encode()).hexdigest()
        assert f"user {user} on #{hashed} " in secret.inputs["stringData"][valkey.USERS_FILE]
        assert plain not in str(secret.inputs)
        assert hashed not in str(public(secret.wire))


def test_users_have_the_rights_that_the_catalog_s_tests_run_with() -> None:
    """There a real server refuses all else. Nobody comes in without a name, and probes may do nothing."""
    rules = dict(
        re.findall(
            r"^user (\S+) (.+)$", valkey.users_file(dict.fromkeys(["catalog", "exporter"], "any")), flags=re.MULTILINE
        )
    )
    assert rules.keys() == {"default", "probe", "catalog", "exporter"}
    assert rules["default"] == "off resetchannels -@all"
    assert rules["probe"] == "on nopass resetchannels -@all +ping"
    assert rules["exporter"].split(" ", 2)[2] == "resetchannels -@all +info +latency|latest", "no key, no slow log"
    _, _, rights = rules["catalog"].split(" ", 2)
    assert f'CATALOG = "{rights}"' in CATALOGS_TESTS.read_text()


def test_its_name_leads_straight_to_the_server(stack: Recorded, spec: Object) -> None:
    """Contract: `valkey.data:6379`."""
    service = stack.one("kubernetes:core/v1:Service", "valkey").inputs
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("valkey", "data")
    assert (spec["serviceName"], service["spec"]["clusterIP"]) == ("valkey", "None")
    assert [port["port"] for port in service["spec"]["ports"]] == [6379]
