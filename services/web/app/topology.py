"""The topology: services as nodes with their pods, and who talks to whom. Pure functions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from app.edges import Edge
from app.kubernetes import NAME, VERSION, Pod

ENDED = frozenset({"Succeeded", "Failed"})  # a pod that has ended, as those of Jobs do, serves nobody


class PodShown(BaseModel):
    """One pod. `node` is empty while it has no place; one that is being deleted is not ready."""

    name: str
    node: str
    ready: bool
    restarts: int
    version: str


class NodeShown(BaseModel):
    """One service: how many of its pods are ready, and how many there should be (all but those being deleted)."""

    name: str
    namespace: str
    ready: int
    desired: int
    pods: list[PodShown]


class EdgeShown(BaseModel):
    """Who talks to whom, by the nodes' names."""

    model_config = ConfigDict(populate_by_name=True)

    origin: str = Field(alias="from")
    target: str = Field(alias="to")
    protocol: str


class Topology(BaseModel):
    """What runs at the moment `at` (RFC 3339, UTC)."""

    nodes: list[NodeShown]
    edges: list[EdgeShown]
    at: str


def assemble(pods: Iterable[Pod], edges: Sequence[Edge], namespaces: Sequence[str], at: datetime) -> Topology:
    """The topology of `pods`, with a node for each end of an edge too, so that a service without pods is seen.

    Edges that lead out of `namespaces` are left out: their other end cannot be shown.
    """
    inside = [edge for edge in edges if {_split(edge.origin)[1], _split(edge.target)[1]} <= set(namespaces)]
    found: dict[tuple[str, str], list[Pod]] = defaultdict(list)
    for end in (end for edge in inside for end in (edge.origin, edge.target)):
        found[_split(end)] = []
    for pod in pods:
        if NAME in pod.labels and pod.phase not in ENDED:
            found[pod.labels[NAME], pod.namespace].append(pod)
    order = sorted(found, key=lambda key: (namespaces.index(key[1]), key[0]))
    return Topology(
        nodes=[_node(name, namespace, found[name, namespace]) for name, namespace in order],
        edges=[
            EdgeShown(origin=_split(edge.origin)[0], target=_split(edge.target)[0], protocol=edge.protocol)
            for edge in inside
        ],
        at=at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


def _split(end: str) -> tuple[str, str]:
    name, _, namespace = end.partition(".")
    return name, namespace


def _node(name: str, namespace: str, pods: Iterable[Pod]) -> NodeShown:
    ordered = sorted(pods, key=lambda pod: pod.name)
    return NodeShown(
        name=name,
        namespace=namespace,
        ready=sum(_ready(pod) for pod in ordered),
        desired=sum(pod.deleted_at is None for pod in ordered),
        pods=[_shown(pod) for pod in ordered],
    )


def _shown(pod: Pod) -> PodShown:
    return PodShown(
        name=pod.name,
        node=pod.node or "",
        ready=_ready(pod),
        restarts=sum(container.restarts for container in pod.containers),
        version=pod.labels.get(VERSION, ""),
    )


def _ready(pod: Pod) -> bool:
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in pod.conditions)
    return ready and pod.deleted_at is None
