"""NATS: a broker that keeps what it acknowledged, and users who may do what their service needs and no more."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.data import nats
from infra.data.nats_users import PUBLISH, subscribes, users_file
from infra.lib.checksum import checksum
from tests.program import broker
from tests.program.recording import Object, Recorded, password, public

SET = "kubernetes:apps/v1:StatefulSet"
API = "$JS.API"
USERS = ("orders", "notifications", "report", "streams")
# Which of these each user may publish to, with the names of streams and consumers filled in; it may to no other.
MAY = {
    "orders.placed": {"orders"},
    "orders.confirmed": {"orders"},
    "orders": set(),
    "orders.placed.more": set(),
    "anything": set(),
    "dead.orders-saga": {"orders"},
    "dead.notifications": {"notifications"},
    "dead.report": set(),
    f"{API}.INFO": set(USERS),
    f"{API}.CONSUMER.INFO.ORDERS.orders-saga": {"orders", "streams"},
    f"{API}.CONSUMER.INFO.ORDERS.notifications": {"notifications", "streams"},
    f"{API}.CONSUMER.MSG.NEXT.ORDERS.orders-saga": {"orders"},
    f"{API}.CONSUMER.MSG.NEXT.ORDERS.notifications": {"notifications"},
    f"{API}.CONSUMER.MSG.NEXT.DEAD_LETTERS.any": set(),
    "$JS.ACK.ORDERS.orders-saga.1.2.3.4.5": {"orders"},
    "$JS.ACK.ORDERS.notifications.1.2.3.4.5": {"notifications"},
    f"{API}.STREAM.INFO.ORDERS": {"report", "streams"},
    f"{API}.STREAM.MSG.GET.ORDERS": {"report"},
    f"{API}.STREAM.MSG.GET.DEAD_LETTERS": set(),
    f"{API}.STREAM.CREATE.ORDERS": {"streams"},
    f"{API}.STREAM.UPDATE.ORDERS": {"streams"},
    f"{API}.STREAM.DELETE.ORDERS": set(),
    f"{API}.STREAM.PURGE.ORDERS": set(),
    f"{API}.STREAM.MSG.DELETE.ORDERS": set(),
    f"{API}.CONSUMER.CREATE.ORDERS.orders-saga.orders.placed": {"streams"},
    f"{API}.CONSUMER.DURABLE.CREATE.ORDERS.orders-saga": {"streams"},
    f"{API}.CONSUMER.CREATE.ORDERS": {"streams"},
    f"{API}.CONSUMER.DELETE.ORDERS.orders-saga": set(),
    f"{API}.DIRECT.GET.ORDERS": set(),
    "_INBOX.report.x": set(),
}


@pytest.fixture
def spec(stack: Recorded) -> Object:
    """The StatefulSet's spec, for each target."""
    found: Object = stack.one(SET, "nats").inputs["spec"]
    return found


@pytest.fixture
def container(spec: Object) -> Object:
    """The server's container."""
    (found,) = spec["template"]["spec"]["containers"]
    return dict(found)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a real server with the users that the stack makes."""
    if broker.PROGRAM is None:
        pytest.skip("needs nats-server on PATH")
    with broker.broker(users_file({user: f"{user}'s" for user in PUBLISH})) as port:
        yield port


def test_the_streams_lie_in_a_claim_that_outlives_the_pod(spec: Object, container: Object) -> None:
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"] == {"storage": "1Gi"}
    folder = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "data")
    assert f"store_dir: {folder}\n" in nats.FILE.read_text()


def test_a_message_is_on_the_disk_before_it_is_acknowledged() -> None:
    assert "sync_interval: always" in nats.FILE.read_text()


def test_the_configuration_is_a_file_and_the_users_are_another_that_it_includes(
    stack: Recorded, spec: Object, container: Object
) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["args"] == ["--config", f"{mounts['configuration']}/nats.conf"]
    (included,) = [line.split()[1] for line in nats.FILE.read_text().splitlines() if line.startswith("include")]
    assert (Path(mounts["configuration"]) / included).resolve() == Path(mounts["users"]).resolve() / nats.USERS_FILE
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    assert volumes["users"]["secret"] == {"secretName": "nats", "defaultMode": 0o440}
    assert stack.one("kubernetes:core/v1:ConfigMap", "nats").inputs["data"] == {"nats.conf": nats.FILE.read_text()}


def test_every_user_has_a_password_of_its_own_that_is_kept_as_a_secret(stack: Recorded) -> None:
    secret = stack.one("kubernetes:core/v1:Secret", "nats")
    users = json.loads(secret.inputs["stringData"]["users.conf"])["authorization"]["users"]
    assert {user["user"]: user["password"] for user in users} == {user: password(f"nats-{user}") for user in USERS}
    assert "password" not in str(public(secret.wire))


def test_a_change_of_what_it_reads_at_its_start_restarts_it(stack: Recorded, spec: Object) -> None:
    users = stack.one("kubernetes:core/v1:Secret", "nats").inputs["stringData"]["users.conf"]
    (written,) = spec["template"]["metadata"]["annotations"].values()
    assert written == checksum(users + nats.FILE.read_text())


def test_each_probe_asks_what_its_answer_decides(container: Object) -> None:
    """A stream in trouble is no reason to kill the server; JetStream away is one not to be called ready."""
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    asked = {}
    for kind in ("startup", "readiness", "liveness"):
        probe = container[f"{kind}Probe"]
        asked[kind] = probe["httpGet"]["path"]
        assert ports[probe["httpGet"]["port"]] == 8222
    assert asked == {
        "startup": "/healthz",
        "readiness": "/healthz?js-enabled-only=true",
        "liveness": "/healthz?js-server-only=true",
    }


def test_its_name_leads_straight_to_the_server(stack: Recorded) -> None:
    """Contract: `nats.data:4222`, and 8222 for monitoring."""
    service = stack.one("kubernetes:core/v1:Service", "nats").inputs
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == ("nats", "data")
    assert service["spec"]["clusterIP"] == "None"
    assert {port["name"]: port["port"] for port in service["spec"]["ports"]} == {"nats": 4222, "monitoring": 8222}


def test_the_server_takes_the_configuration(tmp_path: Path) -> None:
    """As it lies in the pod: two files in two folders."""
    if broker.version() < (2, 10):
        pytest.skip("needs nats-server 2.10 on PATH")
    for folder, name, text in (
        (nats.CONFIGURATION, nats.FILE.name, nats.FILE.read_text()),
        (nats.USERS, nats.USERS_FILE, users_file(dict.fromkeys(PUBLISH, "any"))),
    ):
        place = tmp_path / folder.lstrip("/")
        place.mkdir(parents=True)
        (place / name).write_text(text)
    file = tmp_path / nats.CONFIGURATION.lstrip("/") / nats.FILE.name
    said = subprocess.run(
        [str(broker.PROGRAM), "--config", str(file), "-t"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("user", USERS)
def test_a_user_may_do_what_its_service_needs_and_no_more(port: int, user: str) -> None:
    with contextlib.closing(broker.Client(port, user, f"{user}'s")) as client:
        assert client.refusals == []
        assert {subject for subject in MAY if client.may_publish(subject)} == {
            subject for subject, users in MAY.items() if user in users
        }


@pytest.mark.parametrize("user", USERS)
def test_a_user_hears_its_own_answers_alone(port: int, user: str) -> None:
    others = [f"_INBOX.{other}.>" for other in USERS if other != user]
    with contextlib.closing(broker.Client(port, user, f"{user}'s")) as client:
        assert client.may_subscribe(subscribes(user))
        assert client.may_subscribe(f"_INBOX.{user}.one.*")
        for subject in (">", "orders.>", "dead.>", "_INBOX.>", "$JS.>", "$SYS.>", *others):
            assert not client.may_subscribe(subject), subject


@pytest.mark.parametrize(("user", "secret"), [("orders", "wrong"), ("nobody", "orders's"), ("", "")])
def test_nobody_else_comes_in(port: int, user: str, secret: str) -> None:
    with contextlib.closing(broker.Client(port, user, secret)) as client:
        assert client.refusals == ["-ERR 'Authorization Violation'"]
