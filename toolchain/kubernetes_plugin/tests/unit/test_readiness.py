"""What counts as ready, and the words for what does not."""

from typing import Any, cast

import pytest

from toolchain.kubernetes_plugin.awaiting import generic, pods, workloads
from toolchain.kubernetes_plugin.awaiting.verdict import Surroundings
from toolchain.kubernetes_plugin.diagnostics import container_problems, pod_problem, selector_text
from toolchain.kubernetes_plugin.errors import PluginError

NOWHERE = cast(Surroundings, None)


def deployment(**status: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {"observedGeneration": 2, **status}}


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ({"updatedReplicas": 2, "availableReplicas": 2, "replicas": 2}, True),
        ({"updatedReplicas": 2, "availableReplicas": 2, "replicas": 3}, False),
        ({"updatedReplicas": 1, "availableReplicas": 2, "replicas": 2}, False),
        ({"updatedReplicas": 2, "availableReplicas": 2, "replicas": 2, "observedGeneration": 1}, False),
    ],
    ids=["all", "an old one left", "not all updated", "not seen yet"],
)
def test_deployment(status: dict[str, Any], ready: bool) -> None:
    assert workloads.deployment(deployment(**status), NOWHERE).ready is ready


def test_deployment_over_its_deadline_fails() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"}
    assert workloads.deployment(deployment(conditions=[condition]), NOWHERE).failed


@pytest.mark.parametrize(
    ("revisions", "partition", "ready"), [(("a", "a"), 0, True), (("a", "b"), 0, False), (("a", "b"), 1, True)]
)
def test_stateful_set(revisions: tuple[str, str], partition: int, ready: bool) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    counts = {"observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 2}
    status = counts | {"currentRevision": revisions[0], "updateRevision": revisions[1]}
    live = {"metadata": {"generation": 1}, "spec": {"replicas": 2, "updateStrategy": strategy}, "status": status}
    assert workloads.stateful_set(live, NOWHERE).ready is ready


@pytest.mark.parametrize(
    ("types", "ready"), [(["SuccessCriteriaMet"], False), (["SuccessCriteriaMet", "Complete"], True)]
)
def test_job_is_ready_when_its_pods_are_counted(types: list[str], ready: bool) -> None:
    conditions = [{"type": type_, "status": "True"} for type_ in types]
    assert pods.job({"spec": {}, "status": {"conditions": conditions}}, NOWHERE).ready is ready


def test_job_that_failed() -> None:
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}
    look = pods.job({"spec": {}, "status": {"conditions": [condition]}}, NOWHERE)
    assert look.failed
    assert "BackoffLimitExceeded" in look.message


@pytest.mark.parametrize(
    ("expression", "ready"),
    [
        ("condition=Ready", True),
        ("condition=Ready=false", False),
        ("jsonpath={.status.phase}=Running", True),
        ("jsonpath={.status.phase}=Pending", False),
        ("jsonpath={.status.list[0].name}", True),
        ("jsonpath={.status.list[*].name}=b", True),
        ('jsonpath={.status.list[?(@.name=="b")].v}=2', True),
        ("jsonpath={.metadata.annotations.example\\.com/a}=x", True),
        ("jsonpath={.status.missing}", False),
    ],
)
def test_wait_for(expression: str, ready: bool) -> None:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    listed = [{"name": "a"}, {"name": "b", "v": 2}]
    live = {"metadata": {"annotations": {"example.com/a": "x"}}, "status": {**status, "list": listed}}
    assert generic.wait_for(live, generic.parse_wait_for(expression)).ready is ready


@pytest.mark.parametrize("text", ["Ready", "phase=Running", '["condition=A", 3]'])
def test_malformed_wait_for(text: str) -> None:
    with pytest.raises(PluginError, match="waitFor"):
        generic.parse_wait_for(text)


def test_problems_of_containers_name_reason_and_exit_code() -> None:
    last = {"terminated": {"exitCode": 3, "reason": "Error"}}
    crash = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    status = {"containerStatuses": [{"name": "c", "state": crash, "lastState": last}]}
    assert container_problems({"status": status}) == [
        ("c", "CrashLoopBackOff: back-off (last Error, exit code 3)", True)
    ]


def test_a_pod_that_fits_nowhere() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    assert pod_problem({"status": {"conditions": [condition]}}) == "Unschedulable: 0/3 nodes"


def test_selector_text() -> None:
    rule = {"key": "b", "operator": "In", "values": ["1", "2"]}
    assert selector_text({"matchLabels": {"a": "x"}, "matchExpressions": [rule]}) == "a=x,b in (1,2)"
