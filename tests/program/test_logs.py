"""Central logs: what the agent reads and keeps of a line, what bounds the store, and what both may do on a node."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.lib.checksum import checksum
from infra.observability.log_agent import STATE_ON_NODE
from infra.observability.victoria_logs import STORAGE
from monitoring.logs import agent, store
from tests.program.recording import Object, Recorded, container
from toolchain.control_plane import audit

SET = "kubernetes:apps/v1:StatefulSet"
DAEMONS = "kubernetes:apps/v1:DaemonSet"
CONFIG = "kubernetes:core/v1:ConfigMap"
KIT = Path(__file__).parents[2] / "services" / "kit" / "blueprint_kit" / "requests.py"


@pytest.fixture(scope="module")
def program(kind_stack: Recorded) -> Recorded:
    """The stack on a cluster of kind."""
    return kind_stack


@pytest.fixture(scope="module")
def collector(program: Recorded) -> Object:
    """The collector's file as the agents get it."""
    found: Object = yaml.safe_load(program.one(CONFIG, "log-agent").inputs["data"]["agent.yaml"])
    return found


def operators(collector: Object, receiver: str) -> list[Object]:
    """What a receiver does to each line, in its order."""
    return list(collector["receivers"][receiver]["operators"])


def mounts(program: Recorded, name: str) -> dict[str, Object]:
    """The mounts of the one container, by their names."""
    return {mount["name"]: mount for mount in container(program, name)["volumeMounts"]}


def mebibytes(quantity: str) -> int:
    """Of a quantity such as 128Mi or 128MiB."""
    found = re.fullmatch(r"(\d+)(Mi|Gi)B?", quantity)
    assert found, quantity
    return int(found[1]) * (1024 if found[2] == "Gi" else 1)


def test_all_that_is_defined_is_used_and_all_that_is_used_is_defined(collector: Object) -> None:
    service = collector["service"]
    (pipeline,) = service["pipelines"].values()
    assert set(service["extensions"]) == collector["extensions"].keys()
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == collector[kind].keys(), kind


def test_no_label_comes_from_what_a_program_writes(collector: Object) -> None:
    """Else a line could make streams without end. Labels are the resource's attributes; JSON goes to the line's own."""
    assert collector["exporters"]["otlp_http"]["headers"]["VL-Stream-Fields"] == "namespace,service,node"
    for receiver in collector["receivers"]:
        moves = [one for one in operators(collector, receiver) if one["type"] == "move"]
        into_resource = [one["from"] for one in moves if one["to"].startswith("resource.")]
        assert all(source.startswith("resource[") for source in into_resource), receiver
        assert all(one["to"].startswith("attributes.") for one in moves if "json" in one["from"]), receiver


@pytest.mark.parametrize(
    ("receiver", "kept"),
    [
        ("file_log/pods", ["attributes.pod", "attributes.level", "attributes.request_id"]),
        ("file_log/audit", ["attributes.user", "attributes.verb", "attributes.code"]),
    ],
)
def test_of_the_json_little_is_kept_beside_the_line(collector: Object, receiver: str, kept: list[str]) -> None:
    """The last thing done. The line itself stays as it was written."""
    last = operators(collector, receiver)[-1]
    assert (last["type"], last["fields"]) == ("retain", kept)
    assert not [one for one in operators(collector, receiver) if one.get("to") == "body"]


def test_an_id_is_believed_by_the_rule_of_the_kit(collector: Object) -> None:
    """Both sides of the network check the same rule: what the kit gives a request is found, whatever else is not."""
    assert f're.compile(rb"{agent.REQUEST_ID}")' in KIT.read_text()
    (move,) = [one for one in operators(collector, "file_log/pods") if one.get("to") == "attributes.request_id"]
    assert f'matches "^{agent.REQUEST_ID}$"' in move["if"]


def test_the_names_of_operators_are_different(collector: Object) -> None:
    for receiver in collector["receivers"]:
        names = [one["id"] for one in operators(collector, receiver)]
        assert len(names) == len(set(names))


def test_nothing_that_was_read_waits_in_memory_alone(program: Recorded, collector: Object) -> None:
    """Offsets and the queue are on the node's disk, and an offset is noted after its lines are in the queue."""
    queue = collector["exporters"]["otlp_http"]["sending_queue"]
    assert {collector["receivers"][one]["storage"] for one in collector["receivers"]} == {"file_storage"}
    assert (queue["storage"], queue["block_on_overflow"]) == ("file_storage", True)
    assert "batch" not in collector["processors"]
    assert "--feature-gates=stanza.synchronousLogEmitter" in container(program, "log-agent")["args"]
    state = mounts(program, "log-agent")["state"]
    assert state["mountPath"] == collector["extensions"]["file_storage"]["directory"]
    (volume,) = [one for one in program.pod_specs()["log-agent"]["volumes"] if one["name"] == "state"]
    assert volume["hostPath"] == {"path": STATE_ON_NODE, "type": "DirectoryOrCreate"}


def test_nothing_is_given_up_while_the_store_is_away(collector: Object) -> None:
    """Neither what is in the queue, nor what does not fit into it: that stays in its file."""
    assert collector["exporters"]["otlp_http"]["retry_on_failure"]["max_elapsed_time"] == 0
    for receiver in collector["receivers"].values():
        assert receiver["retry_on_failure"] == {"enabled": True, "max_elapsed_time": 0}
        assert receiver["start_at"] == "beginning"


def test_a_node_s_disk_and_memory_are_bounded(program: Recorded, collector: Object) -> None:
    queue = collector["exporters"]["otlp_http"]["sending_queue"]
    assert queue["sizer"] == "bytes"
    assert 2 * queue["queue_size"] <= collector["extensions"]["file_storage"]["max_size"] == 64 * 2**20
    assert queue["batch"]["min_size"] <= queue["batch"]["max_size"] < queue["queue_size"]
    limit = mebibytes(container(program, "log-agent")["resources"]["limits"]["memory"])
    memory = collector["processors"]["memory_limiter"]
    assert memory["spike_limit_mib"] < memory["limit_mib"] < limit
    (goal,) = [one["value"] for one in container(program, "log-agent")["env"] if one["name"] == "GOMEMLIMIT"]
    assert mebibytes(goal) < memory["limit_mib"]


def test_the_audit_log_is_read_where_the_api_server_writes_it(collector: Object) -> None:
    assert collector["receivers"]["file_log/audit"]["include"] == [f"{audit.DIRECTORY}/audit*.log"]
    assert f"{audit.DIRECTORY}/audit.log" == audit.LOG


def test_of_the_audit_log_only_reads_that_were_allowed_are_left_out(collector: Object) -> None:
    (left_out,) = [one["expr"] for one in operators(collector, "file_log/audit") if one["type"] == "filter"]
    assert left_out == (
        'attributes.json?.verb in ["get", "list", "watch"] and (attributes.json?.responseStatus?.code ?? 0) < 400'
    )
    assert not [one for one in operators(collector, "file_log/pods") if one["type"] == "filter"]


def test_the_agent_writes_nothing_of_its_node_but_its_own_folder(program: Recorded) -> None:
    found = mounts(program, "log-agent")
    assert found.keys() == {"configuration", "pods", "audit", "state"}
    assert [name for name, mount in found.items() if not mount.get("readOnly")] == ["state"]
    paths = {one["hostPath"]["path"] for one in program.pod_specs()["log-agent"]["volumes"] if "hostPath" in one}
    assert paths == {"/var/log/pods", audit.DIRECTORY, STATE_ON_NODE}


def test_the_agent_is_the_files_owner_and_has_no_capability(program: Recorded) -> None:
    pod = program.pod_specs()["log-agent"]
    assert (pod["securityContext"]["runAsUser"], pod["automountServiceAccountToken"]) == (0, False)
    context = container(program, "log-agent")["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def test_every_node_has_an_agent_and_never_two(program: Recorded) -> None:
    """Two would write the same files."""
    spec = program.one(DAEMONS, "log-agent").inputs["spec"]
    assert "updateStrategy" not in spec, "the default stops the old one first"
    assert program.pod_specs()["log-agent"]["tolerations"] == [{"operator": "Exists"}]


def test_the_node_is_said_by_kubernetes(program: Recorded, collector: Object) -> None:
    assert {one["resource"]["node"] for one in collector["receivers"].values()} == {"${env:NODE}"}
    (node,) = [one for one in container(program, "log-agent")["env"] if one["name"] == "NODE"]
    assert node["valueFrom"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}


@pytest.mark.parametrize(("token", "name"), [(DAEMONS, "log-agent"), (SET, "victoria-logs")])
def test_a_change_of_what_it_reads_restarts_it(program: Recorded, token: str, name: str) -> None:
    template = program.one(token, name).inputs["spec"]["template"]
    reads: Any = " ".join(store.arguments())
    if name == "log-agent":
        reads = program.one(CONFIG, name).inputs["data"]["agent.yaml"]
    assert template["metadata"]["annotations"] == {"blueprint/reads": checksum(reads)}


@pytest.mark.parametrize("name", ["log-agent", "victoria-logs"])
def test_every_container_is_bounded_restricted_and_named_by_digest(program: Recorded, name: str) -> None:
    found = container(program, name)
    assert re.fullmatch(rf"shop-town-registry:5000/{name}@sha256:[0-9a-f]{{64}}", found["image"])
    assert found["command"] == [f"/{name}"]
    assert found["resources"]["requests"].keys() == {"cpu", "memory"}
    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    ports = {port["name"] for port in found["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert found[probe]["httpGet"]["port"] in ports


def test_the_agent_sends_to_the_service_that_is_made(program: Recorded, collector: Object) -> None:
    service = program.one("kubernetes:core/v1:Service", "victoria-logs").inputs
    (port,) = service["spec"]["ports"]
    address = f"http://{service['metadata']['name']}.{service['metadata']['namespace']}:{port['port']}"
    assert collector["exporters"]["otlp_http"]["endpoint"] == f"{address}/insert/opentelemetry"
    (served,) = container(program, "victoria-logs")["ports"]
    assert (served["name"], served["containerPort"]) == (port["targetPort"], store.PORT)


def test_the_store_s_disk_and_memory_are_bounded(program: Recorded) -> None:
    given = dict(one.removeprefix("-").split("=", 1) for one in container(program, "victoria-logs")["args"])
    assert given["retentionPeriod"] == "24h"
    assert mebibytes(given["retention.maxDiskSpaceUsageBytes"]) < mebibytes(STORAGE)
    assert mebibytes(given["storage.minFreeDiskSpaceBytes"]) >= 2048
    limit = mebibytes(container(program, "victoria-logs")["resources"]["limits"]["memory"])
    assert 2 * mebibytes(given["memory.allowedBytes"]) <= limit <= 200
    assert given["inmemoryDataFlushInterval"] == "1s"


def test_the_store_s_data_outlives_its_pod(program: Recorded) -> None:
    (claim,) = program.one(SET, "victoria-logs").inputs["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data"
    assert mounts(program, "victoria-logs")["data"]["mountPath"] == store.DATA


def test_nothing_of_it_is_a_secret(program: Recorded) -> None:
    """No credential is needed anywhere on the way; the network's policies say who may speak to whom."""
    for name in ("log-agent", "victoria-logs"):
        assert not [one for one in program.pod_specs()[name].get("volumes", []) if "secret" in one], name
    assert "token" not in json.dumps(program.one(CONFIG, "log-agent").inputs["data"]).lower()
