"""The kind cluster: in which state it is, and that making, starting and removing it start from any of them.

`FakeHost` answers as Docker and kind do, from a host in memory; the texts are what `docker` 28 prints. The registry's
own tests stand in `test_registry.py`.
"""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from toolchain import egress_guard, kind, network, paths, programs, registry
from toolchain.control_plane import folder, kubeadm
from toolchain.errors import ToolchainError
from toolchain.kind import Health

NAME = "shop"
SPEC = kind.Spec(NAME, 2, 8080, 5001, "blueprint/node:1", "blueprint/registry:1")
FILES = {"authentication.yaml": "whom the API server believes"}
NODES = (f"{NAME}-control-plane", f"{NAME}-worker", f"{NAME}-worker2")
REGISTRY = f"{NAME}-registry"
MARK = "/kind/blueprint-complete"


@dataclass
class FakeHost:
    """Docker's containers and networks, and the record of what was done, in its order.

    Attributes:
        nodes: name → state, as `docker ps` says it.
        attached: the networks that the nodes are in.
        registry: the registry's state; None where there is none.
        labels: the network's labels; None where there is no such network.
        complete: what the file says that `create` leaves last on the control plane; None where there is none.
        answers: what the API server says, call by call; the last one stays.
        done: every act that changes something, in words.
        addresses: name → address, of what runs or is paused; the lowest free one is given, as Docker does.
        made_in_order: the order in which kind's nodes come to their addresses: it makes them at the same time.
        trusts: the nodes that trust the registry, and its address.
        fails: how the act begins that fails.
    """

    nodes: dict[str, str] = field(default_factory=dict)
    attached: str = NAME
    registry: str | None = None
    labels: dict[str, str] | None = None
    complete: str | None = None
    answers: list[bool] = field(default_factory=lambda: [True])
    done: list[str] = field(default_factory=list)
    subnets: tuple[str, ...] = ("172.18.0.0/16",)
    addresses: dict[str, str] = field(default_factory=dict)
    made_in_order: tuple[str, ...] = NODES
    trusts: dict[str, str] = field(default_factory=dict)
    configuration: Any = None
    fails: str = ""

    def run(self, command: Sequence[str], **options: Any) -> str:
        """What `toolchain.shell.run` would give."""
        program, *arguments = command
        act = " ".join(arguments)
        if self.fails and act.startswith(self.fails):
            raise self._error(f"{act}: refused")
        if Path(program).name == "kind":
            proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")
            assert options["environment"] == {"KIND_EXPERIMENTAL_DOCKER_NETWORK": NAME} | proxies
            return self._kind(arguments, options.get("stdin"))
        return self._docker(arguments, options.get("stdin"))

    def _docker(self, arguments: list[str], stdin: str | None) -> str:
        match arguments:
            case ["ps", "--all", "--filter", label, *_]:
                assert label == f"label=io.x-k8s.kind.cluster={NAME}"
                return "".join(f"{name} {state} {self.attached}\n" for name, state in reversed(self.nodes.items()))
            case ["network", *rest]:
                return self._network(rest)
            case ["exec", *rest]:
                return self._exec(rest, stdin)
            case ["inspect", "--format", "{{.State.Paused}}", name]:
                return "true\n" if self._state(name) == "paused" else "false\n"
            case ["start", name]:
                if self._state(name) == "paused":
                    raise self._error("cannot start a paused container, try unpause instead")
                self._runs(name)
                self.done.append(f"start {name}")
            case ["stop", "--time", _, *names]:
                for name in names:
                    self.stop(name)
                    self.done.append(f"stop {name}")
            case ["unpause", name]:
                if self._state(name) != "paused":
                    raise self._error(f"Container {name} is not paused")
                self._runs(name)
                self.done.append(f"unpause {name}")
            case _:
                raise AssertionError(f"docker {arguments}")
        return ""

    def _network(self, arguments: list[str]) -> str:
        match arguments:
            case ["ls", *_]:
                return "" if self.labels is None else f"{NAME}\n"
            case ["inspect", _]:
                configured = [{"Subnet": subnet} for subnet in self.subnets]
                attached = {
                    str(number): {"Name": name, "IPv4Address": f"{address}/16"}
                    for number, (name, address) in enumerate(self.addresses.items())
                }
                known = {"Labels": self.labels, "IPAM": {"Config": configured}, "Containers": attached}
                return json.dumps([{"Id": "0" * 64, **known}])
            case ["create", "--driver", "bridge", "--label", label, name]:
                self.labels = dict([label.split("=")])
                self.done.append(f"network create {name}")
            case ["rm", name]:
                self.labels = None
                self.done.append(f"network rm {name}")
            case _:
                raise AssertionError(f"docker network {arguments}")
        return ""

    def _exec(self, arguments: list[str], stdin: str | None) -> str:
        match arguments:
            case [name, "sh", "-c", ask]:
                assert (name, ask) == (NODES[0], f"cat {MARK} 2>/dev/null || echo unfinished")
                if self._state(name) != "running":
                    raise self._error(f"container {name} is not running")
                return "unfinished\n" if self.complete is None else self.complete
            case [name, "kubectl", *_]:
                assert name == NODES[0]
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if not answer:
                    raise self._error("The connection to the server was refused")
            case ["-i", name, "cp", "/dev/stdin", file]:
                assert (name, file) == (NODES[0], MARK)
                self.complete = stdin
                self.done.append("complete")
            case _:
                raise AssertionError(f"docker exec {arguments}")
        return ""

    def _state(self, name: str) -> str:
        state = self.registry if name == REGISTRY else self.nodes.get(name)
        if state is None:
            raise self._error(f"No such container: {name}")
        return state

    def stop(self, *names: str) -> None:
        """Containers that end, and give their addresses back."""
        for name in names:
            self.addresses.pop(name, None)
            if name == REGISTRY:
                self.registry = "exited"
            else:
                self.nodes[name] = "exited"

    def _runs(self, name: str) -> None:
        free = (f"172.18.0.{number}" for number in itertools.count(2))
        self.addresses.setdefault(name, next(address for address in free if address not in self.addresses.values()))
        if name == REGISTRY:
            self.registry = "running"
        else:
            self.nodes[name] = "running"

    def registry_runs(self, cluster: str) -> bool:
        assert cluster == NAME
        return self.registry == "running"

    def run_registry(self, cluster: str, port: int, image: str) -> None:
        assert (cluster, port, image) == (NAME, SPEC.registry_port, SPEC.registry_image)
        self._runs(REGISTRY)
        self.done.append("run the registry")

    def ensure_registry(self, cluster: str, port: int, image: str) -> None:
        if self.registry is None:
            self.run_registry(cluster, port, image)

    def remove_registry(self, cluster: str) -> None:
        assert cluster == NAME
        if self.fails == "remove the registry":
            raise self._error("a container 'shop-registry' is there that this project did not make")
        self.stop(REGISTRY)
        self.registry = None
        self.done.append("remove the registry")

    def trust_registry(self, node: str, address: str) -> None:
        self.trusts[node] = address

    def _kind(self, arguments: list[str], stdin: str | None) -> str:
        match arguments:
            case ["create", "cluster", "--config", "-", "--image", _]:
                self.configuration = yaml.safe_load(stdin or "")
                for name in self.made_in_order:
                    self._runs(name)
                self.complete = None
                self.done.append("kind create")
            case ["delete", "cluster", "--name", _]:
                self.stop(*self.nodes)
                self.nodes, self.complete = {}, None
                self.done.append("kind delete")
            case ["get", "kubeconfig", "--name", name]:
                return f"kubeconfig of {name}"
            case _:
                raise AssertionError(f"kind {arguments}")
        return ""

    @staticmethod
    def _error(problem: str) -> ToolchainError:
        return ToolchainError(problem, "it ends with exit code 0", "look at it")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeHost:
    """A host without a cluster."""
    fake = FakeHost()
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(kind, "run", fake.run)
    monkeypatch.setattr(network, "run", fake.run)
    monkeypatch.setattr(programs, "ensure", lambda name: Path("/programs") / name)
    monkeypatch.setattr(registry, "runs", fake.registry_runs)
    monkeypatch.setattr(registry, "run", fake.run_registry)
    monkeypatch.setattr(registry, "ensure", fake.ensure_registry)
    monkeypatch.setattr(registry, "remove", fake.remove_registry)
    monkeypatch.setattr(registry, "trust", fake.trust_registry)
    monkeypatch.setattr(egress_guard, "apply", lambda name: fake.done.append(f"guard {name}"))
    monkeypatch.setattr(egress_guard, "remove", lambda name: fake.done.append(f"unguard {name}"))
    return fake


@pytest.fixture
def healthy(host: FakeHost) -> FakeHost:
    """A host with the cluster, as `create` leaves it."""
    kind.create(SPEC, FILES)
    host.done.clear()
    return host


def _stopped(host: FakeHost) -> None:
    host.stop(*NODES, REGISTRY)


def _moved(host: FakeHost) -> None:
    """As after a reboot, where Docker starts what ran before in its own order."""
    host.addresses = {name: host.addresses[other] for name, other in zip(NODES, reversed(NODES), strict=True)}


def _foreign(host: FakeHost) -> None:
    host.attached = "kind"


def _half_made(host: FakeHost) -> None:
    host.complete = None


def _lacks_nodes(host: FakeHost) -> None:
    del host.nodes[NODES[2]]


def _start() -> None:
    kind.start(NAME, SPEC.registry_port, SPEC.registry_image)


STATES: dict[Health, Callable[[FakeHost], None]] = {
    Health.ABSENT: lambda host: host.nodes.clear(),
    Health.FOREIGN: _foreign,
    Health.STOPPED: _stopped,
    Health.HALF_MADE: _half_made,
    Health.LACKS_NODES: _lacks_nodes,
    Health.MOVED: _moved,
    Health.SILENT: lambda host: setattr(host, "answers", [False]),
    Health.HEALTHY: lambda _host: None,
}


def test_every_state_has_a_cause_in_these_tests() -> None:
    assert STATES.keys() == set(Health)


@pytest.mark.parametrize("state", Health)
def test_each_state_is_told_from_the_others(healthy: FakeHost, state: Health) -> None:
    STATES[state](healthy)
    assert kind.health(NAME) is state
    assert healthy.done == []


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"labels": None}, Health.FOREIGN),
        ({"labels": {}}, Health.FOREIGN),
        ({"labels": {"io.blueprint.cluster": "another"}}, Health.FOREIGN),
        ({"attached": f"{NAME},kind"}, Health.FOREIGN),
        ({"nodes": {NODES[0]: "running", NODES[1]: "running", NODES[2]: "exited"}}, Health.STOPPED),
        ({"nodes": {NODES[0]: "exited", NODES[1]: "running", NODES[2]: "running"}}, Health.STOPPED),
        ({"nodes": {NODES[0]: "running", NODES[1]: "running", NODES[2]: "paused"}}, Health.STOPPED),
        ({"nodes": {NODES[0]: "paused", NODES[1]: "running", NODES[2]: "running"}}, Health.STOPPED),
        ({"registry": "exited"}, Health.STOPPED),
        ({"registry": "paused"}, Health.STOPPED),
        ({"registry": None}, Health.STOPPED),
        ({"nodes": {NODES[0]: "created"}}, Health.HALF_MADE),
        ({"nodes": {NODES[1]: "exited", NODES[2]: "exited"}}, Health.HALF_MADE),
        ({"nodes": {NODES[1]: "running", NODES[2]: "running"}}, Health.HALF_MADE),
        ({"nodes": {NODES[0]: "running"}}, Health.LACKS_NODES),
        ({"complete": ""}, Health.HEALTHY),
        ({"complete": "", "nodes": {NODES[0]: "running"}}, Health.HEALTHY),
        ({"complete": "", "answers": [False]}, Health.SILENT),
        ({"complete": "3\n"}, Health.HEALTHY),
        ({"complete": "4"}, Health.LACKS_NODES),
    ],
    ids=str,
)
def test_a_part_that_differs_decides_the_state(healthy: FakeHost, change: dict[str, Any], state: Health) -> None:
    for name, value in change.items():
        setattr(healthy, name, value)
    assert kind.health(NAME) is state


def test_docker_s_silence_is_no_state(host: FakeHost) -> None:
    """`absent` would make a second cluster; the error says what to do instead."""
    host.fails = "ps"
    with pytest.raises(ToolchainError, match="refused"):
        kind.health(NAME)


@pytest.mark.parametrize(
    "act",
    [lambda: kind.health(NAME), lambda: kind.create(SPEC, FILES), lambda: kind.delete(NAME)],
    ids=["health", "create", "delete"],
)
def test_a_node_that_cannot_be_asked_is_no_state(healthy: FakeHost, act: Callable[[], object]) -> None:
    """`half made` would remove the cluster and its data because a question failed."""
    healthy.fails = f"exec {NODES[0]} sh"
    with pytest.raises(ToolchainError, match="refused"):
        act()
    assert healthy.done == []
    assert list(healthy.nodes) == list(NODES)


def test_a_cluster_is_made_behind_its_guard(host: FakeHost) -> None:
    """The guard stands before the first container starts, and the mark of completeness comes last."""
    kind.create(SPEC, FILES)
    assert host.done == [
        f"network create {NAME}",
        f"guard {NAME}",
        "remove the registry",
        "run the registry",
        "kind create",
        "complete",
    ]
    assert kind.health(NAME) is Health.HEALTHY


def test_the_mark_of_completeness_says_how_many_nodes_there_are(host: FakeHost) -> None:
    """Else a node that was removed later would be missed by nobody."""
    kind.create(SPEC, FILES)
    assert host.complete == "3"


def test_every_node_trusts_the_stack_s_registry(host: FakeHost) -> None:
    kind.create(SPEC, FILES)
    assert host.trusts == dict.fromkeys(NODES, f"{REGISTRY}:5000")


def test_what_is_half_made_is_removed_before_a_cluster_is_made(healthy: FakeHost) -> None:
    """It was left by a run that was killed."""
    STATES[Health.HALF_MADE](healthy)
    healthy.answers = [True]
    kind.create(SPEC, FILES)
    assert healthy.done.index("kind delete") < healthy.done.index(f"network create {NAME}")
    assert healthy.done.count("kind create") == 1
    assert kind.health(NAME) is Health.HEALTHY


@pytest.mark.parametrize(
    "state", [state for state in Health if state not in (Health.ABSENT, Health.FOREIGN, Health.HALF_MADE)]
)
def test_a_complete_cluster_is_not_made_anew_whoever_asks(healthy: FakeHost, state: Health) -> None:
    """Its data would be gone, since a state was lost or Pulumi was called by hand."""
    STATES[state](healthy)
    healthy.answers = [True]
    with pytest.raises(ToolchainError) as refused:
        kind.create(SPEC, FILES)
    assert refused.value.remedy == "`make down` removes the cluster and its data; then `make up`"
    assert not {"kind delete", "kind create"} & set(healthy.done)


@pytest.mark.parametrize("act", [lambda: kind.create(SPEC, FILES), lambda: kind.delete(NAME)], ids=["create", "delete"])
def test_somebody_else_s_cluster_is_refused_and_not_touched(healthy: FakeHost, act: Callable[[], None]) -> None:
    _foreign(healthy)
    with pytest.raises(ToolchainError) as refused:
        act()
    assert refused.value.value == "a kind cluster named 'shop' is there that this project did not make"
    assert "BLUEPRINT_CLUSTER=…" in refused.value.remedy
    assert "kind delete cluster --name shop" in refused.value.remedy
    assert healthy.done == []


def test_somebody_else_s_network_is_refused_before_anything_is_made(host: FakeHost) -> None:
    host.labels = {}
    with pytest.raises(ToolchainError, match="a Docker network 'shop' is there that this project did not make"):
        kind.create(SPEC, FILES)
    assert host.done == []


def test_somebody_else_s_registry_is_refused_before_a_container_is_made(host: FakeHost) -> None:
    host.fails = "remove the registry"
    with pytest.raises(ToolchainError, match="'shop-registry' is there that this project did not make"):
        kind.create(SPEC, FILES)
    assert not {"run the registry", "kind create"} & set(host.done)


def test_a_making_that_failed_is_made_anew(host: FakeHost) -> None:
    """The first attempt ends between the nodes and the mark; the second starts from nothing."""
    host.fails = f"exec -i {NODES[0]} cp"
    with pytest.raises(ToolchainError):
        kind.create(SPEC, FILES)
    host.fails = ""
    assert kind.health(NAME) is Health.HALF_MADE
    kind.create(SPEC, FILES)
    assert kind.health(NAME) is Health.HEALTHY


def test_a_cluster_is_removed_with_all_that_belongs_to_it(healthy: FakeHost) -> None:
    """The network goes last: it cannot go while a container is in it."""
    kind.delete(NAME)
    assert healthy.done == [
        "kind delete",
        "remove the registry",
        f"unguard {NAME}",
        f"network rm {NAME}",
    ]
    assert kind.health(NAME) is Health.ABSENT


def test_removing_twice_is_fine(healthy: FakeHost) -> None:
    kind.delete(NAME)
    healthy.done.clear()
    kind.delete(NAME)
    assert f"network rm {NAME}" not in healthy.done
    assert kind.health(NAME) is Health.ABSENT


def test_a_stopped_cluster_starts_behind_its_guard_and_from_its_registry(healthy: FakeHost) -> None:
    """The workers' kubelets need the control plane, and every pod's image comes from the registry."""
    _stopped(healthy)
    _start()
    assert healthy.done == [f"guard {NAME}", f"start {REGISTRY}", *(f"start {node}" for node in NODES)]
    assert kind.health(NAME) is Health.HEALTHY


def test_a_registry_that_is_gone_is_made_anew_before_a_node_starts(healthy: FakeHost) -> None:
    """As after `docker rm`: its volume is there still, and the nodes pull from it."""
    _stopped(healthy)
    healthy.registry = None
    _start()
    assert healthy.done[:2] == [f"guard {NAME}", "run the registry"]
    assert healthy.done.index("run the registry") < healthy.done.index(f"start {NODES[0]}")
    assert kind.health(NAME) is Health.HEALTHY


def test_what_is_paused_goes_on_in_the_same_order(healthy: FakeHost) -> None:
    """`docker start` refuses a paused container; `docker unpause` refuses one that is not paused."""
    healthy.nodes = {NODES[0]: "paused", NODES[1]: "exited", NODES[2]: "paused"}
    healthy.registry = "paused"
    _start()
    assert healthy.done == [
        f"guard {NAME}",
        f"unpause {REGISTRY}",
        f"unpause {NODES[0]}",
        f"start {NODES[1]}",
        f"unpause {NODES[2]}",
    ]
    assert kind.health(NAME) is Health.HEALTHY


def test_nodes_keep_the_addresses_that_they_were_made_with(host: FakeHost) -> None:
    """kind makes them at the same time, so any of them may have the lowest."""
    host.made_in_order = (NODES[2], NODES[0], NODES[1])
    kind.create(SPEC, FILES)
    made_with = dict(host.addresses)
    _stopped(host)
    _start()
    assert host.addresses == made_with
    assert kind.health(NAME) is Health.HEALTHY


def test_nodes_that_moved_are_stopped_and_started_at_their_addresses(healthy: FakeHost) -> None:
    made_with = dict(healthy.addresses)
    _moved(healthy)
    healthy.addresses[REGISTRY] = made_with[REGISTRY]
    _start()
    stops = [f"stop {node}" for node in NODES]
    assert healthy.done == [f"guard {NAME}", *stops, f"start {REGISTRY}", *(f"start {node}" for node in NODES)]
    assert healthy.addresses == made_with
    assert kind.health(NAME) is Health.HEALTHY


def test_an_address_that_something_else_took_is_told(healthy: FakeHost) -> None:
    """A node elsewhere would run, and its pods would not be reached."""
    _stopped(healthy)
    healthy.addresses["a stranger"] = "172.18.0.4"
    with pytest.raises(ToolchainError) as refused:
        _start()
    assert refused.value.value == f"{NODES[1]}, {NODES[2]}: not at the address that the node was made with"
    assert f"docker network inspect {NAME}" in refused.value.rule


def test_a_cluster_whose_folder_does_not_say_starts_in_the_order_of_names(healthy: FakeHost) -> None:
    """One of an earlier version."""
    (folder.path(NAME) / "addresses.json").unlink()
    _stopped(healthy)
    _start()
    assert healthy.done == [f"guard {NAME}", f"start {REGISTRY}", *(f"start {node}" for node in NODES)]
    assert kind.health(NAME) is Health.HEALTHY


class Clock:
    """Time that passes only while something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(kind, "time", made)
    return made


def test_starting_waits_until_the_api_server_answers(healthy: FakeHost, clock: Clock) -> None:
    _stopped(healthy)
    healthy.answers = [False, False, False, True]
    _start()
    assert clock.now == 3


def test_an_api_server_that_stays_silent_is_told_with_the_deadline_and_the_remedy(
    healthy: FakeHost, clock: Clock
) -> None:
    _stopped(healthy)
    healthy.answers = [False]
    with pytest.raises(ToolchainError) as refused:
        _start()
    assert refused.value.value == "the API server of 'shop' is silent"
    assert refused.value.rule == "it answers within 180 s after its containers started"
    assert refused.value.remedy == "`make down`, then `make up`"
    assert 180 <= clock.now <= 182


def test_kind_makes_neither_network_nor_kube_proxy() -> None:
    """Cilium does both, in the subnets of the contract."""
    assert kind.configuration(SPEC)["networking"] == {
        "disableDefaultCNI": True,
        "kubeProxyMode": "none",
        "podSubnet": "10.244.0.0/16",
        "serviceSubnet": "10.96.0.0/16",
    }


def test_kind_is_given_the_configuration_as_yaml(host: FakeHost) -> None:
    kind.create(SPEC, FILES)
    assert host.configuration == kind.configuration(SPEC)


@pytest.mark.parametrize("workers", [1, 4])
def test_there_is_one_control_plane_and_as_many_workers_as_asked_for(workers: int) -> None:
    made: Any = kind.configuration(kind.Spec(NAME, workers, 8080, 5001, "node", "registry"))
    assert [node["role"] for node in made["nodes"]] == ["control-plane", *["worker"] * workers]


def test_the_gateway_s_port_is_open_on_the_loopback_alone() -> None:
    made: Any = kind.configuration(kind.Spec(NAME, 2, 9080, 5001, "node", "registry"))
    first, *others = made["nodes"]
    assert first["extraPortMappings"] == [
        {"containerPort": kind.GATEWAY_NODE_PORT, "hostPort": 9080, "listenAddress": "127.0.0.1"}
    ]
    assert not any("extraPortMappings" in node for node in others)


def test_the_kubelet_runs_on_hosts_of_either_cgroup_version() -> None:
    made: Any = kind.configuration(SPEC)
    kubelet, *others = made["kubeadmConfigPatches"]
    assert yaml.safe_load(kubelet)["failCgroupV1"] is False
    assert others == kubeadm.patches()


def test_the_control_plane_alone_sees_its_files_and_cannot_write_them() -> None:
    first, *others = cast("list[dict[str, Any]]", kind.configuration(SPEC)["nodes"])
    (mount,) = first["extraMounts"]
    assert (mount["hostPath"], mount["readOnly"]) == (str(folder.path(NAME)), True)
    assert not any("extraMounts" in node for node in others)


def test_the_files_are_there_before_the_control_plane_and_go_with_it(host: FakeHost) -> None:
    """kubeadm's first API server reads them; the keys among them are of no use to another cluster."""
    host.fails = "create cluster"
    with pytest.raises(ToolchainError):
        kind.create(SPEC, FILES)
    assert folder.read(NAME, "authentication.yaml") == FILES["authentication.yaml"]
    kind.delete(NAME)
    assert not folder.path(NAME).exists()


@pytest.mark.parametrize(
    ("subnets", "first", "last"),
    [
        (("172.18.0.0/16",), "172.18.255.201", "172.18.255.250"),
        (("192.168.32.0/20",), "192.168.47.201", "192.168.47.250"),
        (("10.5.0.0/24",), "10.5.0.201", "10.5.0.250"),
        (("10.5.0.0/25",), "10.5.0.73", "10.5.0.122"),
        (("10.5.0.0/26", "10.6.0.0/24"), "10.6.0.201", "10.6.0.250"),
        (("fc00:f853::/64", "172.19.0.0/16"), "172.19.255.201", "172.19.255.250"),
    ],
)
def test_load_balancers_get_the_fifty_highest_addresses_of_the_network(
    host: FakeHost, subnets: tuple[str, ...], first: str, last: str
) -> None:
    """Docker gives containers the lowest ones; the very last are left to broadcast and to whoever needs a few."""
    host.labels, host.subnets = {}, subnets
    assert kind.load_balancer_range(NAME) == (first, last)


@pytest.mark.parametrize(
    ("subnets", "shown"),
    [
        (("10.5.0.0/26",), "10.5.0.0/26"),
        (("fc00:f853::/64",), "fc00:f853::/64"),
        (("fc00:f853::/64", "10.5.0.0/28"), "fc00:f853::/64, 10.5.0.0/28"),
        ((), "none"),
    ],
)
def test_a_network_without_room_for_load_balancers_is_refused(
    host: FakeHost, subnets: tuple[str, ...], shown: str
) -> None:
    """The fifty highest addresses of a small network would be those of its nodes, or no address of it."""
    host.labels, host.subnets = {}, subnets
    with pytest.raises(ToolchainError) as refused:
        kind.load_balancer_range(NAME)
    assert refused.value.value == f"the Docker network 'shop' has the subnets {shown}"
    assert "IPv4 with 128 addresses or more" in refused.value.rule
    assert "`default-address-pools`" in refused.value.remedy


def test_the_kubeconfig_is_kind_s_own(host: FakeHost) -> None:
    assert kind.kubeconfig(NAME) == f"kubeconfig of {NAME}"


def test_the_spec_names_its_registry_as_the_manifests_do() -> None:
    assert SPEC.registry == f"{REGISTRY}:5000"
