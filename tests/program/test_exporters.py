"""Exporters and the Pushgateway: what each may see, where its password lies, and what is asked from outside."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from infra.data import postgres
from infra.lib.checksum import checksum
from infra.observability import blackbox, exporters, pushgateway
from infra.shop.report import report_values
from monitoring.blackbox import DNS, HTTP, STORES_MODULE, TARGETS, TCP, configuration, modules, targets
from tests.image_programs import checked
from tests.program.recording import Object, Recorded, certificate, container, environment, password, public
from tests.program.service_settings import settings
from tests.program.test_shop import SERVICES

SECRET = "kubernetes:core/v1:Secret"
SERVICE = "kubernetes:core/v1:Service"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
PORTS = {
    "postgres-exporter": 9187,
    "valkey-exporter": 9121,
    "nats-exporter": 7777,
    "blackbox-exporter": 9115,
    "pushgateway": 9091,
}
LOGINS = Path(__file__).parents[2] / "images" / "recipes" / "postgres" / "logins"


@pytest.fixture(scope="module")
def found(kind_stack: Recorded) -> Recorded:
    """The stack on a cluster of kind."""
    return kind_stack


def mounted(found: Recorded, name: str) -> dict[str, Object]:
    """Path → volume of a program."""
    volumes = {volume["name"]: volume for volume in found.pod_specs()[name]["volumes"]}
    return {one["mountPath"]: volumes[one["name"]] for one in container(found, name).get("volumeMounts", [])}


@pytest.mark.parametrize(("name", "port"), PORTS.items())
def test_each_serves_where_prometheus_looks(found: Recorded, name: str, port: int) -> None:
    service = found.one(SERVICE, name).inputs
    (outer,), (inner,) = service["spec"]["ports"], container(found, name)["ports"]
    assert (service["metadata"]["namespace"], service["spec"]["selector"]["app.kubernetes.io/name"]) == (
        "observability",
        name,
    )
    assert (outer["port"], inner["containerPort"]) == (port, port)
    assert outer["targetPort"] == inner["name"]


@pytest.mark.parametrize("name", PORTS)
def test_each_is_restricted_small_without_a_token_and_named_by_digest(found: Recorded, name: str) -> None:
    pod, one = found.pod_specs()[name], container(found, name)
    assert pod["automountServiceAccountToken"] is False
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 65532)
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert one["resources"]["limits"] == {"memory": "64Mi"}
    assert re.search(rf"/{name}@sha256:[0-9a-f]{{64}}$", one["image"])
    assert found.one(DEPLOYMENT, name).inputs["spec"]["replicas"] == 1


@pytest.mark.parametrize("name", ["postgres-exporter", "valkey-exporter"])
def test_a_password_is_a_file_that_no_argument_and_no_variable_holds(found: Recorded, name: str) -> None:
    """And another password replaces the pod."""
    secret = found.one(SECRET, name)
    drawn = password(f"{name.removesuffix('-exporter')}-exporter")
    content = secret.inputs["stringData"]["password"]
    assert drawn in content
    assert public(secret.wire)["stringData"] == "[secret]" or drawn not in str(public(secret.wire))
    (volume,) = [one for one in mounted(found, name).values() if "secret" in one]
    assert volume["secret"] == {"secretName": name, "defaultMode": 0o440}
    deployment = found.one(DEPLOYMENT, name).inputs["spec"]["template"]
    assert drawn not in json.dumps(deployment)
    assert deployment["metadata"]["annotations"] == {"blueprint/reads": checksum(content)}


def test_postgres_s_logs_in_as_itself_where_no_service_has_a_table(found: Recorded) -> None:
    given = environment(found, "postgres-exporter")
    assert urlsplit(f"//{given['DATA_SOURCE_URI']}").netloc == "postgres.data:5432"
    assert urlsplit(f"//{given['DATA_SOURCE_URI']}").path == "/postgres"
    assert given["DATA_SOURCE_USER"] == postgres.MONITOR
    assert Path(given["DATA_SOURCE_PASS_FILE"]).parent == Path(exporters.FOLDER)
    assert found.one("blueprint:data:Postgres").urn in found.before(found.one(DEPLOYMENT, "postgres-exporter"))


def test_postgres_makes_that_login_without_a_database_of_its_own(found: Recorded) -> None:
    """What it may then do a real server says; see test_postgres_logins.py."""
    server = {one["name"]: one.get("value") for one in container(found, "postgres")["env"]}
    assert server["POSTGRES_MONITOR"] == postgres.MONITOR
    assert postgres.MONITOR in found.one(SECRET, "postgres").inputs["stringData"]


def test_valkey_s_finds_its_password_by_user_and_address(found: Recorded) -> None:
    arguments = container(found, "valkey-exporter")["args"]
    assert {"-redis.addr=redis://valkey.data:6379", "-redis.user=exporter"} <= set(arguments)
    content = json.loads(found.one(SECRET, "valkey-exporter").inputs["stringData"]["password"])
    assert content == {"redis://exporter@valkey.data:6379": password("valkey-exporter")}


def test_nats_s_asks_the_monitoring_port_without_a_login(found: Recorded) -> None:
    arguments = container(found, "nats-exporter")["args"]
    assert arguments[-1] == "http://nats.data:8222"
    assert {"-varz", "-jsz=all", "-port=7777"} <= set(arguments)
    assert mounted(found, "nats-exporter") == {}


def test_the_blackbox_exporter_has_its_modules_and_the_stack_s_authority(found: Recorded) -> None:
    files = found.one("kubernetes:core/v1:ConfigMap", "blackbox-exporter").inputs["data"]
    assert files["authority.crt"] == certificate("authority")
    assert files["blackbox.yaml"] == configuration("/etc/blackbox/authority.crt")
    assert "--config.file=/etc/blackbox/blackbox.yaml" in container(found, "blackbox-exporter")["args"]
    assert list(mounted(found, "blackbox-exporter")) == [blackbox.FOLDER]


def test_every_target_is_asked_in_a_way_that_there_is_and_no_way_is_without_a_target() -> None:
    assert {*(one.module for one in TARGETS), STORES_MODULE} == modules("any").keys()
    prober = {HTTP: "http", TCP: "tcp", DNS: "dns"}
    for one in TARGETS:
        assert modules("any")[one.module]["prober"] == prober[one.job], one
    assert len({one.address for one in TARGETS}) == len(TARGETS)


def test_the_ways_of_visitors_are_asked() -> None:
    hosts = {urlsplit(one.address).hostname for one in targets(HTTP, edge=True)}
    assert hosts == {"gateway.edge", "envoy.edge", "issuer.identity.svc"}
    assert SERVICES["gateway"] == "edge"


@pytest.mark.parametrize("job", [HTTP, TCP])
def test_envoy_is_asked_only_where_it_is(job: str) -> None:
    with_edge, without = ({one.address for one in targets(job, edge=edge)} for edge in (True, False))
    assert {urlsplit(one if "//" in one else f"//{one}").hostname for one in with_edge - without} == {"envoy.edge"}


def test_every_certificate_that_is_checked_is_also_looked_at_unchecked() -> None:
    """When it has ended, the check fails before anybody could say so."""
    checked = {one.service for one in TARGETS if one.address.startswith("https:")}
    assert {one.service for one in TARGETS if one.module == "certificate"} == checked


def test_tls_is_checked_wherever_it_is_spoken() -> None:
    """A certificate of another authority, or for another name, is a failure; plain text where TLS is meant is too."""
    for name, module in modules("/the/authority.crt").items():
        asked: dict[str, Any] = module.get("http", {})
        assert ("insecure_skip_verify" in json.dumps(module)) is (name == "certificate"), name
        if asked:
            assert asked.get("fail_if_not_ssl", False) is not asked.get("fail_if_ssl", False), name
            assert ("tls_config" in asked) is asked.get("fail_if_not_ssl", False), name
    https = [one for one in TARGETS if one.address.startswith("https:")]
    assert {one.module for one in https} == {"https", "edge"}


def test_a_probe_ends_before_its_scrape_does() -> None:
    for name, module in modules("any").items():
        assert int(module["timeout"].removesuffix("s")) < 10, name


def test_the_answer_of_a_name_server_is_told_from_another() -> None:
    (expression,) = modules("any")["dns"]["dns"]["validate_answer_rrs"]["fail_if_none_matches_regexp"]
    record = "gateway.edge.svc.cluster.local.\t30\tIN\tA\t10.96.1.2"
    assert re.search(expression, record)
    assert not re.search(expression, record.replace("edge", "shop"))
    assert not re.search(expression, record.replace("\tA\t", "\tCNAME\t"))


@pytest.mark.image_program
def test_the_exporter_takes_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "blackbox.yaml"
    file.write_text(configuration(str(tmp_path / "authority.crt")))
    checked("prometheus-blackbox-exporter", tmp_path, f"--config.file={file}", "--config.check")


def test_what_was_pushed_outlives_the_container_and_nobody_may_delete_it(found: Recorded) -> None:
    arguments = container(found, "pushgateway")["args"]
    (volume,) = mounted(found, "pushgateway").items()
    assert f"--persistence.file={volume[0]}/figures" in arguments
    assert volume[1]["emptyDir"] == {"sizeLimit": "16Mi"}
    assert not [one for one in arguments if "admin-api" in one or "lifecycle" in one]


def test_the_report_pushes_where_the_pushgateway_is_and_nowhere_unless_told(found: Recorded) -> None:
    assert "PUSHGATEWAY_URL" not in report_values()["env"]
    given = report_values(pushgateway.URL)["env"]["PUSHGATEWAY_URL"]
    assert "PUSHGATEWAY_URL" in settings("report")
    service = found.one(SERVICE, "pushgateway").inputs
    name, namespace = (service["metadata"][key] for key in ("name", "namespace"))
    assert given == f"http://{name}.{namespace}:{service['spec']['ports'][0]['port']}"


def test_files_are_yaml_that_says_what_was_meant() -> None:
    assert yaml.safe_load(configuration("any"))["modules"] == modules("any")
