"""The pure parts of the matrix: doors from the objects of a cluster, what cells must be, what Hubble tells, knocks."""

import asyncio
import json
import re
import socket
import subprocess
from contextlib import closing
from typing import Any, ClassVar

import pytest

from policies.flows.identities import CATALOG, CATALOG_MIGRATION, POSTGRES, WEB
from policies.flows.model import Flow, Identity, Peer, Protocol
from tests.cluster.kube import Kube
from tests.cluster.matrix import echo, prober, watcher
from tests.cluster.matrix.hubble import Drop, DropLog, Knock, parse
from tests.cluster.matrix.probing import prober_pod
from tests.cluster.matrix.table import sources
from tests.cluster.matrix.targets import HELLO, Snapshot, Target, identity_of, targets
from tests.cluster.matrix.verdicts import Cell, Expected, Seen, Source, expected, report

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
FLOWS = (Flow(CATALOG, POSTGRES, 5432, "products"), Flow(WEB, Peer.API_SERVER, 6443, "lists pods"))


def _pod(namespace: str, labels: dict[str, str], address: str, *ports: int, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "labels": labels, **more},
        "spec": {"containers": [{"ports": [{"containerPort": port} for port in ports]}]},
        "status": {**READY, "podIP": address},
    }


def _service(namespace: str, name: str, spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name}, "spec": spec, "status": status}


def _slice(namespace: str, service: str, address: str, port: int, *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}],
    }


HTTP_PORT = {"name": "http", "port": 80, "protocol": "TCP"}
NAMED = {"app.kubernetes.io/name": "catalog"}


@pytest.fixture
def doors() -> dict[str, Target]:
    """The doors of a small cluster, by name."""
    node = {"status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.3"}]}}
    snapshot = Snapshot(
        pods=[
            _pod("try-shop", NAMED | {"app.kubernetes.io/component": "service"}, "10.1.0.1", 8080),
            _pod("try-shop", NAMED, "10.1.0.2", 8080),
            _pod("try-shop", {"app.kubernetes.io/name": "leaving"}, "10.1.0.3", 8080, deletionTimestamp="now"),
            _pod("kube-system", {"k8s-app": "kube-dns"}, "10.1.0.4", 9153),
            _pod("kube-system", {"k8s-app": "metrics-server"}, "10.1.0.5", 4443),
        ],
        services=[
            _service("try-shop", "catalog", {"clusterIP": "10.96.0.7", "selector": NAMED, "ports": [HTTP_PORT]}),
            _service("try-shop", "headless", {"clusterIP": "None", "selector": NAMED, "ports": [HTTP_PORT]}),
            _service("try-shop", "nobody", {"clusterIP": "10.96.0.8", "selector": NAMED, "ports": [HTTP_PORT]}),
            _service(
                "try-shop",
                "way-in",
                {"clusterIP": "10.96.0.9", "selector": NAMED, "ports": [HTTP_PORT | {"nodePort": 30080}]},
                loadBalancer={"ingress": [{"ip": "172.18.0.99"}]},
            ),
            _service("default", "kubernetes", {"clusterIP": "10.96.0.1", "ports": [HTTP_PORT | {"port": 443}]}),
        ],
        slices=[
            _slice("try-shop", "catalog", "10.1.0.1", 8080),
            _slice("try-shop", "nobody", "10.1.0.1", 8080, ready=False),
            _slice("try-shop", "way-in", "10.1.0.1", 8080),
            _slice("default", "kubernetes", "172.18.0.2", 6443),
        ],
        nodes=[
            {"metadata": {"name": "worker", "labels": {}}, **node},
            {"metadata": {"name": "head", "labels": {"node-role.kubernetes.io/control-plane": ""}}, **node},
        ],
        namespaces={"shop": "try-shop"},
    )
    return {door.name: door for door in targets(snapshot, outside="172.18.0.50", registry="172.18.0.51")}


def test_a_services_door_leads_to_the_pods_behind_it(doors: dict[str, Target]) -> None:
    door = doors["service try-shop/catalog:80/TCP"]
    assert (door.address, door.port) == ("10.96.0.7", 80)
    assert (door.destination, door.inner_port) == (CATALOG, 8080)
    assert door.leads_to == {("10.1.0.1", 8080)}


def test_a_service_is_a_door_at_each_of_its_addresses(doors: dict[str, Target]) -> None:
    ways = {
        door.address: door.port for name, door in doors.items() if "try-shop/way-in" in name and "worker" not in name
    }
    assert ways == {"10.96.0.9": 80, "172.18.0.99": 80, "172.18.0.3": 30080}
    assert doors["node port on worker of try-shop/way-in:30080/TCP"].destination == CATALOG


def test_a_service_without_an_address_or_without_ready_pods_is_no_door(doors: dict[str, Target]) -> None:
    assert not [name for name in doors if "headless" in name or "nobody" in name]


def test_of_each_kind_of_pod_one_is_a_door_by_declared_and_other_ports(doors: dict[str, Target]) -> None:
    assert {name for name in doors if name.startswith("pod try-shop")} == {
        "pod try-shop/catalog:8080/TCP",
        "pod try-shop/catalog:9/TCP",
        "pod try-shop/catalog:8080/UDP",
    }


def test_the_system_is_named_where_flows_can_name_it(doors: dict[str, Target]) -> None:
    assert doors["pod kube-system/kube-dns:9153/TCP"].destination is Peer.DNS
    assert doors["pod kube-system/metrics-server:4443/TCP"].destination is None
    assert doors["service default/kubernetes:443/TCP"].destination is Peer.API_SERVER
    assert doors["service default/kubernetes:443/TCP"].inner_port == 6443
    assert doors["API server on head:6443/TCP"].destination is Peer.API_SERVER


def test_a_node_is_another_peer_to_its_own_pods(doors: dict[str, Target]) -> None:
    kubelet = doors["node worker (kubelet):10250/TCP"]
    assert (kubelet.seen_from("worker"), kubelet.seen_from("head")) == (Peer.HOST, Peer.REMOTE_NODE)


def test_hosts_outside_and_the_metadata_address_are_doors(doors: dict[str, Target]) -> None:
    outside = {
        name: door.destination for name, door in doors.items() if door.destination in (Peer.WORLD, Peer.METADATA)
    }
    assert len(outside) == 5
    assert doors["registry:5000/TCP"].address == "172.18.0.51"
    assert doors["metadata address:80/UDP"].address == "169.254.169.254"


@pytest.mark.parametrize(
    ("component", "identity"),
    [("service", CATALOG), ("migration", CATALOG_MIGRATION), (None, CATALOG)],
)
def test_labels_give_a_pod_its_identity(component: str | None, identity: Identity) -> None:
    labels = NAMED | ({"app.kubernetes.io/component": component} if component else {})
    assert identity_of("shop", labels) == identity


def _door(destination: Identity | Peer | None, port: int, node: str | None = None) -> Target:
    address = "10.1.0.9"
    ends = frozenset({(address, port)})
    return Target("door", address, port, Protocol.TCP, destination, port, ends, node)


FOREIGN = Source(Identity("elsewhere", "stranger"), ours=False)


@pytest.mark.parametrize(
    ("source", "door", "allowed"),
    [
        (Source(CATALOG), _door(POSTGRES, 5432), True),
        (Source(CATALOG), _door(POSTGRES, 5433), False),
        (Source(WEB), _door(POSTGRES, 5432), False),
        (Source(WEB), _door(Peer.API_SERVER, 6443), True),
        (Source(CATALOG), _door(Peer.REMOTE_NODE, 10250), False),
        (Source(CATALOG), _door(None, 4443), False),
        (FOREIGN, _door(POSTGRES, 5432), False),
        (FOREIGN, _door(None, 4443), True),
        (FOREIGN, _door(Peer.REMOTE_NODE, 10250), True),
        (FOREIGN, _door(Peer.METADATA, 80), False),
    ],
)
def test_a_cell_must_be_what_the_flows_say(source: Source, door: Target, allowed: bool) -> None:
    assert expected(source, door, "worker", FLOWS).allowed == allowed


DROP = Drop(("10.1.0.5", 40000), ("10.1.0.9", 5432), "TCP", "POLICY_DENIED", "EGRESS")
OTHER = Drop(("10.1.0.5", 40000), ("10.1.0.9", 5432), "TCP", "CT_TRUNCATED_OR_INVALID_HEADER", "EGRESS")


@pytest.mark.parametrize(
    ("must", "outcome", "drop", "problem"),
    [
        (True, "connected", None, None),
        (True, "answered", None, None),
        (True, "refused", None, None),
        (False, "silent", DROP, None),
        (True, "silent", None, "nothing arrived"),
        (True, "silent", DROP, "a packet was dropped"),
        (True, "error: No route to host", None, "nothing arrived"),
        (False, "connected", None, "it is not silent"),
        (False, "refused", DROP, "it is not silent"),
        (False, "silent", None, "nothing was dropped"),
        (False, "silent", OTHER, "another reason than a policy"),
    ],
)
def test_a_cell_is_wrong_unless_outcome_and_drop_agree(
    must: bool, outcome: str, drop: Drop | None, problem: str | None
) -> None:
    cell = Cell(Source(CATALOG), _door(POSTGRES, 5432), Expected(must, "products"), Seen(outcome, drop))
    wrong = cell.wrong()
    assert wrong is None if problem is None else wrong is not None and problem in wrong


def test_a_wrong_cell_tells_all_that_is_known() -> None:
    cell = Cell(Source(CATALOG), _door(POSTGRES, 5432), Expected(True, "products"), Seen("silent", DROP))
    assert report([cell]) == (
        "shop/catalog → door (10.1.0.9): expected allowed (products), seen silent; "
        "Hubble: DROPPED POLICY_DENIED at EGRESS to 10.1.0.9:5432/TCP: a packet was dropped"
    )


def test_of_what_hubble_exports_the_drops_are_read() -> None:
    flow = {
        "verdict": "DROPPED",
        "IP": {"source": "10.1.0.5", "destination": "10.1.0.9", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": 5432, "flags": {"SYN": True}}},
        "drop_reason_desc": "POLICY_DENIED",
        "traffic_direction": "EGRESS",
    }
    lines = [{"flow": flow}, {"flow": flow | {"verdict": "FORWARDED"}}, {"flow": flow | {"l4": {"ICMPv4": {}}}}, {}]
    assert parse([*map(json.dumps, lines), "", '{"flow": cut']) == [DROP]


class _Agents(Kube):
    """A cluster of one agent whose export files are what the test says: inode → text, the newest last."""

    files: ClassVar[dict[int, bytes]] = {}

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        return [{"metadata": {"name": "agent"}}]

    def attempt(
        self, *arguments: str, stdin: str | None = None, seconds: float = 60
    ) -> subprocess.CompletedProcess[str]:
        newest, text = list(self.files.items())[-1] if self.files else (0, b"")
        asked = re.search(r"-inum (\d+).*--bytes=\+(\d+)", arguments[-1])
        assert asked
        inode, first = map(int, asked.groups())
        if inode and inode not in self.files:
            return subprocess.CompletedProcess([], 1, "", "")
        rest = self.files[inode][first - 1 :].decode() if inode else ""
        return subprocess.CompletedProcess([], 0, f"{newest} {len(text)}\n{rest}", "")


def _line(source_port: int) -> bytes:
    flow = {
        "verdict": "DROPPED",
        "IP": {"source": "10.1.0.5", "destination": "10.1.0.9"},
        "l4": {"UDP": {"source_port": source_port, "destination_port": 53}},
    }
    return json.dumps({"flow": flow}).encode() + b"\n"


def _knock(source_port: int) -> Knock:
    return Knock(("10.1.0.5", source_port), "UDP", frozenset({53}))


def test_a_drop_log_begins_when_it_is_made_and_survives_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    def files(**texts: bytes) -> None:
        monkeypatch.setattr(_Agents, "files", {int(name[1:]): text for name, text in texts.items()})

    files(_1=_line(1))
    log = DropLog(_Agents("none"))
    files(_1=_line(1) + _line(2) + _line(3)[:20])
    log.wait_for([_knock(2)], seconds=0)
    assert [log.of(_knock(port)) is not None for port in (1, 2, 3)] == [False, True, False]
    files(_1=_line(1) + _line(2) + _line(3), _2=_line(4))
    log.wait_for([_knock(4)], seconds=0)
    assert [log.of(_knock(port)) is not None for port in (1, 3, 4)] == [False, True, True]
    files(_3=_line(5), _4=_line(6))
    with pytest.raises(AssertionError, match="or too many"):
        log.wait_for([_knock(6)], seconds=0)


def test_a_drop_log_takes_all_of_a_file_that_was_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent makes its file when it first drops a packet."""
    log = DropLog(_Agents("none"))
    monkeypatch.setattr(_Agents, "files", {7: _line(1)})
    log.wait_for([_knock(1)], seconds=0)
    assert log.of(_knock(1)) is not None


def test_a_prober_is_of_its_identity_and_of_no_service() -> None:
    pod = prober_pod("prober", "shop", CATALOG_MIGRATION.labels, "run", "registry:5000/image@sha256:0")
    assert pod["metadata"]["labels"] == {
        "app.kubernetes.io/name": "catalog",
        "app.kubernetes.io/component": "migration",
        "app.kubernetes.io/part-of": "blueprint",
        "blueprint/prober": "run",
    }
    assert pod["spec"]["readinessGates"] == [{"conditionType": "blueprint/never"}]
    assert pod["spec"]["automountServiceAccountToken"] is False
    (container,) = pod["spec"]["containers"]
    assert set(container["resources"]) == {"requests", "limits"}


def test_who_knocks_is_everybody_who_is_there_a_stranger_in_each_namespace_and_one_from_elsewhere() -> None:
    found = sources(["shop", "data"], "elsewhere")
    names = {str(source) for source in found}
    assert {"shop/catalog", "shop/catalog-migration", "data/postgres", "data/stranger", "elsewhere/stranger"} <= names
    assert not [name for name in names if name.startswith("observability/")]
    assert [str(source) for source in found if not source.ours] == ["elsewhere/stranger"]


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _knocks(*knocks: tuple[str, str, int]) -> list[prober.Knock]:
    return [(name, protocol, "127.0.0.1", port, HELLO) for name, protocol, port in knocks]


def test_a_prober_tells_what_becomes_of_each_knock() -> None:
    port, mute = _free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mute.bind(("127.0.0.1", 0))
    doors = [("open", "TCP", port), ("closed", "TCP", 1), ("open udp", "UDP", port), ("closed udp", "UDP", 1)]
    doors += [("mute", "UDP", int(mute.getsockname()[1]))]

    async def run() -> dict[str, tuple[str, int]]:
        serving = asyncio.ensure_future(echo.serve([port]))
        await asyncio.sleep(0.1)
        found = await prober.knock_on_all(_knocks(*doors), 1.0)
        serving.cancel()
        return found

    with closing(mute):
        found = asyncio.run(run())
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "open": "connected",
        "closed": "refused",
        "open udp": "answered",
        "closed udp": "refused",
        "mute": "silent",
    }
    for protocol in Protocol:
        own = [found[name][1] for name, kind, _ in doors if kind == protocol]
        assert len(set(own)) == len(own)


def test_a_watcher_sees_a_door_close() -> None:
    port = _free_port()

    async def run() -> list[tuple[float, bool]]:
        door = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
        watching = asyncio.ensure_future(watcher.watch_all({"door": ("127.0.0.1", port)}, 0.6))
        await asyncio.sleep(0.3)
        door.close()
        return (await watching)["door"]

    seen = [arrived for _, arrived in asyncio.run(run())]
    assert seen[0] and not seen[-1]
    assert seen == sorted(seen, reverse=True)
