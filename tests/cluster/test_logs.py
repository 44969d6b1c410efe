"""Central logs: whatever a container writes is found by its request's id, whoever is killed or restarted meanwhile."""

import json
import uuid
from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.callers import default_account_token
from tests.cluster.central_logs import (
    BEGIN,
    FOUND_SECONDS,
    CentralLogs,
    agent_is_back,
    agent_of,
    numbered_command,
    numbers,
    written_by,
)
from tests.cluster.kube import Kube, eventually
from tests.cluster.nodes import kill_container
from tests.cluster.pods import idle_command, inside, start, toolbox_pod
from tests.cluster.shop import PLENTY, Shop
from toolchain import logs
from toolchain.errors import ToolchainError

pytestmark = pytest.mark.usefixtures("observability")

SYNCHRONOUS = {("edge", "gateway"), ("shop", "orders"), ("shop", "catalog")}
"""Who has a part in the answer to an order."""
ON_THE_PATH = SYNCHRONOUS | {("shop", "inventory"), ("shop", "payments"), ("shop", "notifications")}
MANY = 100_000
ARRIVED_SECONDS = 180
Object = dict[str, Any]


@pytest.fixture(scope="module")
def central(kube: Kube) -> CentralLogs:
    return CentralLogs(kube)


@pytest.fixture
def writer(kube: Kube, namespace: str, outputs: Object) -> str:
    """A pod on a worker that waits to be told what to write."""
    pod = toolbox_pod("writer", str(outputs["images"]["toolbox"]), idle_command(), node=_worker(kube))
    start(kube, namespace, pod)
    return "writer"


def _worker(kube: Kube) -> str:
    names = [str(node["metadata"]["name"]) for node in kube.items("nodes")]
    return next(name for name in sorted(names) if "control-plane" not in name)


def _mark() -> str:
    return f"mark{uuid.uuid4().hex}"


def _write(kube: Kube, namespace: str, pod: str, text: str) -> None:
    """Writes a line as the container itself would: to what its first process has as standard output."""
    inside(kube, namespace, pod, "sh", "-c", f"echo '{text}' > /proc/1/fd/1")


def _who(central: CentralLogs, request: str) -> set[tuple[str, str]]:
    return {(line.namespace, line.service) for line in central.lines(logs.request_query(request))}


@pytest.mark.concept("B8")
def test_a_request_s_lines_of_all_services_are_found_by_its_id(shop: Shop, central: CentralLogs) -> None:
    """One order: within 10 s of the answer the lines of all who answered, within 10 s of its end all others'."""
    request = f"live-{uuid.uuid4().hex}"
    order = shop.accepted([(PLENTY, 1)], request_id=request)
    eventually(
        "those who answered are in the central logs",
        lambda: _who(central, request) >= SYNCHRONOUS,
        seconds=FOUND_SECONDS,
        diagnose=lambda: str(_who(central, request)),
    )
    assert shop.final(order)["status"] == "confirmed"
    eventually(
        "all services on the path are in the central logs",
        lambda: _who(central, request) == ON_THE_PATH,
        seconds=FOUND_SECONDS,
        diagnose=lambda: str(_who(central, request)),
    )
    lines = central.lines(logs.request_query(request))
    assert lines == sorted(lines, key=lambda line: line.at)
    assert all(line.pod.startswith(line.service) for line in lines)
    assert {json.loads(line.text)["request_id"] for line in lines} == {request}


@pytest.mark.concept("B8")
def test_make_logs_prints_the_lines_of_a_request(
    shop: Shop, central: CentralLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the id that the answer carries; an id that nobody had is said to have no lines."""
    answer = shop.http.get(f"{shop.url}/api/products?size=1")
    request = answer.headers["X-Request-Id"]
    central.found(logs.request_query(request), "the request")
    logs.logs(request, "5m")
    printed = capsys.readouterr().out.splitlines()
    assert any(" edge/gateway " in line for line in printed), printed
    with pytest.raises(ToolchainError, match="no line of request"):
        logs.logs(f"nobody-{uuid.uuid4().hex}", "5m")


@pytest.mark.concept("B8")
def test_a_line_written_just_before_a_sigkill_is_found(
    kube: Kube, namespace: str, writer: str, central: CentralLogs
) -> None:
    """The last words of a container that is killed in the same moment are in the central logs within 10 s."""
    mark = _mark()
    pod = kube.get("pod", writer, "--namespace", namespace)
    _write(kube, namespace, writer, f"last words {mark}")
    kill_container(pod)
    (line,) = central.found(written_by(namespace, mark), "the last line")
    assert (line.pod, line.text) == (writer, f"last words {mark}")


@pytest.mark.concept("D12")
def test_the_log_of_a_pod_that_is_gone_is_still_there(
    kube: Kube, namespace: str, writer: str, central: CentralLogs
) -> None:
    """The kubelet removes a pod's log with the pod; the cluster's log has it."""
    mark = _mark()
    _write(kube, namespace, writer, f"gone soon {mark}")
    kube.run("delete", "pod", writer, "--namespace", namespace, "--grace-period=1", seconds=90)
    assert "NotFound" in kube.attempt("logs", writer, "--namespace", namespace).stderr
    (line,) = central.found(written_by(namespace, mark), "the line of the pod that is gone")
    assert line.pod == writer


@pytest.mark.concept("D12")
def test_the_control_plane_s_own_logs_are_there(central: CentralLogs) -> None:
    """The agent is on the control plane's node too: what its static pods write is in the same place."""
    query = '{namespace="kube-system",service in ("etcd","kube-apiserver","kube-scheduler","kube-controller-manager")}'
    assert central.lines(f"{query} | limit 5", minutes=24 * 60 - 1)


@pytest.mark.concept("D12")
def test_a_denied_request_to_the_api_server_is_found(kube: Kube, namespace: str, central: CentralLogs) -> None:
    """The audit log is among the rest: who was refused what, found by name and code."""
    name, user = f"denied-{uuid.uuid4().hex[:8]}", f"system:serviceaccount:{namespace}:default"
    with Api.of(kube.kubeconfig).client(default_account_token(kube, namespace)) as caller:
        assert caller.get(f"/api/v1/namespaces/{namespace}/secrets/{name}").status_code == 403
    query = f'{{service="audit"}} user:="{user}" verb:=get code:=403'
    (line,) = [line for line in central.found(query, "the refusal") if name in line.text]
    assert json.loads(line.text)["annotations"]["authorization.k8s.io/decision"] == "forbid"


@pytest.mark.concept("B8")
def test_what_a_line_says_of_itself_decides_neither_its_place_nor_a_stream(
    kube: Kube, namespace: str, writer: str, central: CentralLogs
) -> None:
    """A program that claims to be the gateway is found where it ran; an id that is none is not searchable as one."""
    mark, forged = _mark(), {"service": "gateway", "namespace": "edge", "node": "mars", "pod": "gateway-0"}
    for request in (mark, f"{mark} with a space", {"of": mark}):
        line = json.dumps(forged | {"event": "forged", "level": "info", "request_id": request})
        _write(kube, namespace, writer, line)
    eventually(
        "all three are there", lambda: len(central.lines(written_by(namespace, "forged"))) == 3, seconds=FOUND_SECONDS
    )
    (line_found,) = central.lines(logs.request_query(mark))
    assert (line_found.namespace, line_found.service, line_found.pod) == (namespace, "toolbox", writer)
    assert not central.lines(f'{{namespace="edge"}} "{mark}"')


@pytest.mark.serial
@pytest.mark.concept("B8")
def test_a_restarted_and_a_killed_agent_lose_and_double_nothing(
    kube: Kube, namespace: str, outputs: Object, central: CentralLogs
) -> None:
    """100,000 numbered lines; meanwhile the node's agent is deleted, its next one killed: each line is there once."""
    node, mark = _worker(kube), _mark()
    pod = toolbox_pod("writer", str(outputs["images"]["toolbox"]), numbered_command(mark, MANY), node=node)
    start(kube, namespace, pod)
    first = agent_of(kube, node)
    assert first
    inside(kube, namespace, "writer", "touch", BEGIN)
    query = written_by(namespace, mark)
    central.found(query, "the first line", seconds=30)
    kube.run("delete", "pod", first["metadata"]["name"], "--namespace", "node-agents", "--wait=false")
    eventually("the node has another agent", lambda: agent_is_back(kube, node, first), seconds=90)
    second = agent_of(kube, node)
    assert second
    kill_container(second)
    eventually("the agent is started again", lambda: agent_is_back(kube, node, second), seconds=90)
    _all_arrive(central, query)


@pytest.mark.serial
@pytest.mark.concept("B8")
def test_while_the_store_is_away_the_agents_wait(
    kube: Kube, namespace: str, outputs: Object, central: CentralLogs
) -> None:
    """The store's pod is deleted while 100,000 lines are written: when it is back each is there once."""
    node, mark = _worker(kube), _mark()
    pod = toolbox_pod("writer", str(outputs["images"]["toolbox"]), numbered_command(mark, MANY), node=node)
    start(kube, namespace, pod)
    inside(kube, namespace, "writer", "touch", BEGIN)
    query = written_by(namespace, mark)
    central.found(query, "the first line", seconds=30)
    kube.run("delete", "pod", logs.POD, "--namespace", logs.NAMESPACE, seconds=90)
    kube.run("rollout", "status", "statefulset/victoria-logs", "--namespace", logs.NAMESPACE, seconds=120)
    _all_arrive(central, query)


def _all_arrive(central: CentralLogs, query: str) -> None:
    eventually(
        f"{MANY} lines are there",
        lambda: len(set(numbers(central.lines(query)))) == MANY,
        seconds=ARRIVED_SECONDS,
        diagnose=lambda: f"{len(set(numbers(central.lines(query))))} are",
    )
    lines = central.lines(query)
    assert numbers(lines) == list(range(MANY)), "each once, whole, and in its order"
    assert len(lines) == MANY
