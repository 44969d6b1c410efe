"""What a change of policies or labels changes: the cells that it should, and no others. In a namespace of its own.

Two clients, two servers, two ports, TCP and UDP: everything is denied both ways but what `_pair` permits.
"""

import json
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest

from policies.flows.model import Protocol
from policies.flows.rendering import default_deny
from tests.cluster.kube import Kube, eventually
from tests.cluster.lab import worker_names
from tests.cluster.matrix import echo, watcher
from tests.cluster.matrix.probing import Prober, knock, prober_pod, running
from tests.cluster.matrix.targets import Target
from tests.cluster.matrix.verdicts import ARRIVED
from tests.cluster.shop import PYTHON

ROLE = "blueprint/role"
CLIENTS, SERVERS, PORTS = ("first", "second"), ("left", "right"), (7001, 7002)
PAIRS = tuple(zip(CLIENTS, SERVERS, strict=True))
KNOCK_SECONDS = 1.0
CHANGE_SECONDS = 30
RELABEL_SECONDS = 2.0
"""Within this, a pod with another label has the rights of its new identity, and only these."""
WATCH_SECONDS = 12.0
Object = dict[str, Any]
Cell = tuple[str, str, int, Protocol]
"""A client, a server, a port, a protocol."""


@dataclass(frozen=True)
class Room:
    """The namespace with its pods."""

    kube: Kube
    namespace: str
    pods: Mapping[str, Prober]

    def allowed(self) -> set[Cell]:
        """The cells through which a knock arrives now."""
        doors = list(product(SERVERS, PORTS, Protocol))

        def seen_by(client: str) -> set[Cell]:
            outcomes = knock(self.kube, self.pods[client], [self._target(*door) for door in doors], KNOCK_SECONDS)
            return {(client, *door) for door in doors if outcomes[_name(*door)].word in ARRIVED}

        with ThreadPoolExecutor(len(CLIENTS)) as pool:
            return set().union(*pool.map(seen_by, CLIENTS))

    def settles(self, what: str, cells: Iterable[Cell]) -> None:
        """Waits until exactly these cells are allowed, and looks once more."""
        wanted = set(cells)
        eventually(
            f"{what}: exactly {sorted(wanted)}",
            lambda: self.allowed() == wanted,
            seconds=CHANGE_SECONDS,
            diagnose=lambda: f"allowed: {sorted(self.allowed())}",
        )
        assert self.allowed() == wanted, f"{what}: it did not stay so"

    def apply(self, *policies: Object) -> None:
        """Makes policies, or changes them."""
        self.kube.apply(*policies)

    def delete(self, policy: Object) -> None:
        """Removes a policy."""
        self.kube.run("delete", "networkpolicy", policy["metadata"]["name"], "--namespace", self.namespace)

    def relabel(self, pod: str, role: str) -> float:
        """Gives a pod another role, and says when the API server had taken it."""
        self.kube.run(*("label", "pod", self.pods[pod].name), f"{ROLE}={role}", "--overwrite", "-n", self.namespace)
        return time.time()

    def _target(self, server: str, port: int, protocol: Protocol) -> Target:
        address = self.pods[server].address
        name = _name(server, port, protocol)
        return Target(name, address, port, protocol, None, port, frozenset({(address, port)}))


def _name(server: str, port: int, protocol: Protocol) -> str:
    return f"{server}:{port}/{protocol}"


@pytest.fixture
def room(kube: Kube, namespace: str, outputs: dict[str, Any]) -> Room:
    """Clients and servers, everything denied, and two pairs of policies: first to left, second to right.

    The first client and the left server share a node, where there is another one for the rest.
    """
    image, run = str(outputs["images"]["payments"]), namespace
    pods = {name: prober_pod(name, namespace, {ROLE: name}, run, image) for name in (*CLIENTS, *SERVERS)}
    nodes = cycle(worker_names(kube))
    for (client, server), node in zip(PAIRS, nodes, strict=False):
        for name in (client, server):
            pods[name]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    for server in SERVERS:
        serve = [PYTHON, "-c", Path(echo.__file__).read_text(), *map(str, PORTS)]
        pods[server]["spec"]["containers"][0]["command"] = serve
    kube.apply(*pods.values(), default_deny(namespace), *_pair(namespace, "first", "left", PORTS[0]))
    kube.apply(*_pair(namespace, "second", "right", PORTS[1]))
    found = running(kube, run, len(pods))
    return Room(kube, namespace, {name: found[namespace, name] for name in pods})


def _pair(namespace: str, client: str, server: str, port: int) -> tuple[Object, Object]:
    """What lets one client through to one port of one server: a policy for its way out, and one for the way in."""
    ports = [{"port": port, "protocol": str(protocol)} for protocol in Protocol]
    to_server = [{"to": [{"podSelector": _role(server)}], "ports": ports}]
    from_client = [{"from": [{"podSelector": _role(client)}], "ports": ports}]
    return (
        _policy(namespace, f"out-of-{client}", client, {"policyTypes": ["Egress"], "egress": to_server}),
        _policy(namespace, f"into-{server}", server, {"policyTypes": ["Ingress"], "ingress": from_client}),
    )


def _policy(namespace: str, name: str, role: str, rules: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    spec = {"podSelector": _role(role), **rules}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _role(role: str) -> Object:
    return {"matchLabels": {ROLE: role}}


def _cells(client: str, server: str, port: int) -> set[Cell]:
    return {(client, server, port, protocol) for protocol in Protocol}


FIRST, SECOND = _cells("first", "left", PORTS[0]), _cells("second", "right", PORTS[1])


@pytest.mark.concept("I5", "I6")
@pytest.mark.parametrize("half", [0, 1], ids=["egress", "ingress"])
def test_a_deleted_policy_takes_its_cells_and_no_others(room: Room, half: int) -> None:
    """Both pairs pass → one half of the first pair goes: its cells are denied, the second's stay → back: both pass."""
    policy = _pair(room.namespace, "first", "left", PORTS[0])[half]
    room.settles("as declared", FIRST | SECOND)
    room.delete(policy)
    room.settles("a policy is gone", SECOND)
    room.apply(policy)
    room.settles("it is back", FIRST | SECOND)


@pytest.mark.concept("I5", "I6")
def test_a_changed_policy_moves_its_cells_and_no_others(room: Room) -> None:
    """Port 7001 passes → its policies name 7002: that passes, 7001 does not → the client's half alone: neither does."""
    room.settles("as declared", FIRST | SECOND)
    room.apply(*_pair(room.namespace, "first", "left", PORTS[1]))
    room.settles("another port", _cells("first", "left", PORTS[1]) | SECOND)
    room.apply(_pair(room.namespace, "first", "left", PORTS[0])[0])
    room.settles("the halves do not agree", SECOND)
    room.apply(*_pair(room.namespace, "first", "left", PORTS[0]))
    room.settles("as declared again", FIRST | SECOND)


@pytest.mark.serial  # seconds count: Cilium makes the pod's program anew, which takes long beside others
@pytest.mark.concept("B5", "I5", "I6")
def test_a_relabelled_pod_has_its_new_rights_and_no_old_ones_within_2_seconds(room: Room) -> None:
    """The first client takes the second's label: it loses the left, gains the right → back; nobody else notices."""
    room.settles("as declared", FIRST | SECOND)
    doors = {"left": (room.pods["left"].address, PORTS[0]), "right": (room.pods["right"].address, PORTS[1])}
    for role, gained, lost in (("second", "right", "left"), ("first", "left", "right")):
        with _Watch(room, "first", doors) as watch:
            since = room.relabel("first", role)
        told = f"{lost} → {gained}; {watch.told(since)}"
        print(told)
        assert since < watch.last_arrived(gained), f"{gained} never opened: {told}"
        assert watch.last_failed(gained) <= since + RELABEL_SECONDS, f"{gained} opened late: {told}"
        assert watch.last_arrived(lost) <= since + RELABEL_SECONDS, f"{lost} closed late: {told}"
        room.settles(f"the first client is {role}", _cells("first", gained, doors[gained][1]) | SECOND)


class _Watch:
    """Knocks from a pod on doors, from before the body of the `with` until `WATCH_SECONDS` after its begin."""

    def __init__(self, room: Room, pod: str, doors: Mapping[str, tuple[str, int]]) -> None:
        self._room, self._pod, self._doors = room, room.pods[pod], doors
        self._seen: dict[str, list[tuple[float, bool]]] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        time.sleep(WATCH_SECONDS / 4)  # the program in the pod starts meanwhile, and sees how it was
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=3 * WATCH_SECONDS)
        assert self._seen, "the watcher in the pod told nothing"

    def last_failed(self, door: str) -> float:
        """The time of the last knock that did not arrive."""
        return self._last(door, False)

    def last_arrived(self, door: str) -> float:
        """The time of the last knock that arrived."""
        return self._last(door, True)

    def told(self, since: float) -> str:
        """Until when each door let in and kept out, in seconds from a moment on."""
        lines = {door: (self.last_arrived(door) - since, self.last_failed(door) - since) for door in self._seen}
        return "; ".join(
            f"{door} let in until {let:.2f}, kept out until {out:.2f}" for door, (let, out) in lines.items()
        )

    def _last(self, door: str, arrived: bool) -> float:
        return max((when for when, how in self._seen[door] if how is arrived), default=0.0)

    def _run(self) -> None:
        asked = json.dumps({"seconds": WATCH_SECONDS, "doors": self._doors})
        command = ("exec", "--stdin", "--namespace", self._pod.namespace, self._pod.name, "--", PYTHON, "-c")
        script = Path(watcher.__file__).read_text()
        self._seen = json.loads(self._room.kube.run(*command, script, stdin=asked, seconds=3 * WATCH_SECONDS))
