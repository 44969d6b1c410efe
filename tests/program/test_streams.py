"""The streams: the contract's, and a Job that runs again when what is declared changes."""

from typing import Any

import pytest
import yaml

from infra.data import streams
from infra.data.nats_users import PUBLISH
from infra.lib.checksum import checksum
from tests.program.recording import Object, Recorded, password, public

JOB = "kubernetes:batch/v1:Job"
DECLARED: list[Object] = yaml.safe_load(streams.FILE.read_text())["streams"]


@pytest.fixture
def spec(stack: Recorded) -> Object:
    """The Job's spec, for each target."""
    found: Object = stack.one(JOB, "streams").inputs["spec"]
    return found


def test_the_streams_are_the_contract_s() -> None:
    found = {stream["name"]: stream for stream in DECLARED}
    sizes = {name: (one["subjects"], one["max_bytes"] >> 20, one["max_age"] / 86400) for name, one in found.items()}
    assert sizes == {"ORDERS": (["orders.>"], 256, 30), "DEAD_LETTERS": (["dead.>"], 64, 90)}
    assert found["ORDERS"]["duplicate_window"] == 600
    assert {(one["storage"], one["retention"], one["discard"]) for one in DECLARED} == {("file", "limits", "old")}


def test_the_consumers_are_the_contract_s() -> None:
    consumers = {one["name"]: one for stream in DECLARED for one in stream["consumers"]}
    assert {name: one["filter_subject"] for name, one in consumers.items()} == {
        "orders-saga": "orders.placed",
        "notifications": "orders.confirmed",
    }
    assert {(one["ack_wait"], one["max_deliver"], one["max_ack_pending"]) for one in consumers.values()} == {
        (30, -1, 256)
    }


def test_every_consumer_has_a_user_who_may_use_it() -> None:
    allowed = {subject for subjects in PUBLISH.values() for subject in subjects}
    for stream in DECLARED:
        for consumer in stream["consumers"]:
            assert f"$JS.API.CONSUMER.MSG.NEXT.{stream['name']}.{consumer['name']}" in allowed
            assert f"dead.{consumer['name']}" in allowed


def test_the_job_gets_what_is_declared_and_its_login(stack: Recorded, spec: Object) -> None:
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert {variable["name"]: variable["value"] for variable in container["env"]} == {
        "NATS_URL": "nats://nats.data:4222",
        "NATS_USER": "streams",
        "NATS_PASSWORD_FILE": f"{mounts['password']}/password",
        "STREAMS_FILE": f"{mounts['declared']}/streams.yaml",
    }
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    declared = stack.one("kubernetes:core/v1:ConfigMap", "streams").inputs
    assert volumes["declared"]["configMap"]["name"] == declared["metadata"]["name"]
    assert declared["data"] == {"streams.yaml": streams.FILE.read_text()}
    secret = stack.one("kubernetes:core/v1:Secret", volumes["password"]["secret"]["secretName"])
    assert secret.inputs["stringData"] == {"password": password("nats-streams")}
    assert password("nats-streams") not in str(public(secret.wire))


def test_another_content_is_another_job(stack: Recorded) -> None:
    """A Job cannot be changed, and one that is done does nothing again."""
    name = stack.one(JOB, "streams").inputs["metadata"]["name"]
    assert name == f"streams-{checksum(streams.FILE.read_text())}"
    assert name == stack.one("kubernetes:core/v1:ConfigMap", "streams").inputs["metadata"]["name"]


def test_the_job_ends_one_way_or_the_other(spec: Object) -> None:
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["backoffLimit"] == 4
    assert spec["activeDeadlineSeconds"] == 240


def test_the_broker_comes_before_the_job_and_the_job_before_the_services(stack: Recorded) -> None:
    job = stack.one(JOB, "streams")
    assert stack.one("kubernetes:apps/v1:StatefulSet", "nats").urn in stack.before(job)


def test_a_job_s_pod_has_no_way_to_the_api_server(stack: Recorded, spec: Object) -> None:
    account: Any = stack.one("kubernetes:core/v1:ServiceAccount", "streams").inputs
    assert account["automountServiceAccountToken"] is False
    assert spec["template"]["spec"]["automountServiceAccountToken"] is False
