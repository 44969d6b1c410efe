"""PostgreSQL: a server that may do nothing on its node, whose data and passwords are kept."""

from typing import Any

import pytest

from infra.data import postgres
from infra.data.data import DATABASES
from infra.data.postgres import PostgresArgs, postgres_set
from tests.program.recording import Object, Recorded, password, public

SET = "kubernetes:apps/v1:StatefulSet"


@pytest.fixture
def spec(stack: Recorded) -> Object:
    """The StatefulSet's spec, for each target."""
    found: Object = stack.one(SET, "postgres").inputs["spec"]
    return found


@pytest.fixture
def container(spec: Object) -> Object:
    """The server's container."""
    (found,) = spec["template"]["spec"]["containers"]
    return dict(found)


def test_the_server_is_no_root_and_gains_nothing(spec: Object, container: Object) -> None:
    pod = spec["template"]["spec"]["securityContext"]
    assert (pod["runAsNonRoot"], pod["runAsUser"], pod["runAsGroup"], pod["fsGroup"]) == (True, 70, 70, 70)
    own = container["securityContext"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["allowPrivilegeEscalation"] is False


def test_the_server_writes_to_its_volumes_alone(spec: Object, container: Object) -> None:
    """The root file system is read-only; what the server writes, its data, its socket and its scratch, is mounted."""
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts.keys() == {postgres.DATA, postgres.PASSWORDS, "/var/run/postgresql", "/tmp"}  # noqa: S108
    assert mounts[postgres.PASSWORDS]["readOnly"] is True
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    claims = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    assert {mount["name"] for mount in mounts.values()} == volumes | claims


def test_the_data_lie_in_a_claim_that_outlives_the_pod(spec: Object, container: Object) -> None:
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "1Gi"}
    folder = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "data")
    data = next(one["value"] for one in container["env"] if one["name"] == "PGDATA")
    assert data.startswith(f"{folder}/")


def test_the_server_is_asked_whether_it_starts_is_ready_and_lives(container: Object) -> None:
    """A slow start is not taken for a dead server: two minutes pass before the liveness probe counts."""
    probes = [container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")]
    for probe in probes:
        assert probe["exec"]["command"][0] == "pg_isready"
        assert probe["timeoutSeconds"] > 1
    startup, _, liveness = probes
    assert startup["periodSeconds"] * startup["failureThreshold"] == 120
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60


def test_the_server_has_requests_and_a_memory_limit_and_time_to_stop(spec: Object, container: Object) -> None:
    assert container["resources"] == {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 60


def test_there_is_one_server_without_a_token_of_the_api_server(stack: Recorded, spec: Object) -> None:
    assert spec["replicas"] == 1
    assert spec["template"]["spec"]["automountServiceAccountToken"] is False
    account = stack.one("kubernetes:core/v1:ServiceAccount", "postgres").inputs
    assert account["automountServiceAccountToken"] is False
    assert spec["template"]["spec"]["serviceAccountName"] == account["metadata"]["name"]


def test_its_name_leads_straight_to_the_server(stack: Recorded, spec: Object, container: Object) -> None:
    """Contract: `postgres.data:5432`."""
    service = stack.one("kubernetes:core/v1:Service", "postgres").inputs
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("postgres", "data")
    assert spec["serviceName"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    (port,) = service["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (5432, container["ports"][0]["name"])
    assert container["ports"][0]["containerPort"] == 5432


def test_the_administrator_and_every_service_have_a_password_of_their_own(stack: Recorded) -> None:
    secret = stack.one("kubernetes:core/v1:Secret", "postgres")
    users = ("postgres", postgres.MONITOR, *DATABASES)
    assert secret.inputs["stringData"] == {user: password(f"postgres-{user}") for user in users}
    assert len(set(secret.inputs["stringData"].values())) == len(users)
    assert public(secret.wire)["stringData"] == "[secret]"


def test_passwords_are_files_that_the_server_s_group_alone_reads(spec: Object) -> None:
    volume = next(one for one in spec["template"]["spec"]["volumes"] if one["name"] == "passwords")
    assert volume["secret"] == {"secretName": "postgres", "defaultMode": 0o440}


def test_another_login_restarts_the_server_which_makes_it_at_its_start() -> None:
    def reads(*logins: str) -> Any:
        made: Any = postgres_set(PostgresArgs("data", "image", logins))
        return made.template.metadata.annotations

    assert reads("catalog") == reads("catalog") != reads("catalog", "orders")


def test_the_claim_s_size_is_the_one_asked_for() -> None:
    made: Any = postgres_set(PostgresArgs("data", "image", (), storage="5Gi"))
    (claim,) = made.volume_claim_templates
    assert claim.spec.resources.requests == {"storage": "5Gi"}
