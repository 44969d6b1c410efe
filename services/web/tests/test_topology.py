"""What the topology says of pods. Pure, but for the shapes that the API sends."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from conftest import EDGES, pod

from app.edges import parse_edges
from app.kubernetes import Pod
from app.topology import Topology, assemble

NAMESPACES = ("edge", "shop", "data")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def of(*pods: dict[str, Any], edges: str = "edges: []", at: datetime = NOON) -> Topology:
    return assemble([Pod.model_validate(one) for one in pods], parse_edges(edges), NAMESPACES, at)


def counts(topology: Topology) -> dict[str, tuple[int, int]]:
    return {node.name: (node.ready, node.desired) for node in topology.nodes}


def test_pods_of_one_name_are_one_node() -> None:
    topology = of(pod("orders-b", restarts=[2, 1]), pod("orders-a", ready=False, node=""), pod("web-1", "edge"))
    assert [(node.name, node.namespace) for node in topology.nodes] == [("web", "edge"), ("orders", "shop")]
    assert counts(topology) == {"web": (1, 1), "orders": (1, 2)}
    assert [shown.model_dump() for shown in topology.nodes[1].pods] == [
        {"name": "orders-a", "node": "", "ready": False, "restarts": 0, "version": "1.2.3"},
        {"name": "orders-b", "node": "worker-1", "ready": True, "restarts": 3, "version": "1.2.3"},
    ]


def test_pod_that_is_being_deleted_is_shown_but_neither_ready_nor_desired() -> None:
    topology = of(pod("orders-a", deleted=True), pod("orders-b"))
    assert counts(topology) == {"orders": (1, 1)}
    assert [shown.ready for shown in topology.nodes[0].pods] == [False, True]


def test_pods_that_have_ended_are_left_out() -> None:
    """Those of Jobs stay for a while."""
    topology = of(pod("report-1", phase="Succeeded", ready=False), pod("orders-1", phase="Failed"), pod("orders-2"))
    assert counts(topology) == {"orders": (1, 1)}


def test_service_without_pods_is_there_if_an_edge_names_it() -> None:
    topology = of(edges=EDGES)
    assert counts(topology) == {"gateway": (0, 0), "catalog": (0, 0), "postgres": (0, 0)}


def test_edges_are_by_name_and_lead_nowhere_outside() -> None:
    shown = of(edges=EDGES).model_dump(by_alias=True)["edges"]
    assert shown == [
        {"from": "gateway", "to": "catalog", "protocol": "HTTP"},
        {"from": "catalog", "to": "postgres", "protocol": "PostgreSQL"},
    ]


def test_same_name_in_two_namespaces_is_two_nodes() -> None:
    assert len(of(pod("web-1", "edge"), pod("web-1", "shop")).nodes) == 2


def test_pod_that_has_just_been_made_has_no_status() -> None:
    """Go's empty lists are absent, or null."""
    new = pod("orders-1")
    new["status"] = {"phase": "Pending", "containerStatuses": None}
    assert counts(of(new)) == {"orders": (0, 1)}


def test_time_is_in_utc() -> None:
    assert of(at=NOON.astimezone(timezone(timedelta(hours=2)))).at == "2026-05-01T12:00:00.000Z"
