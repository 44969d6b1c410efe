"""Every pair of who may ask and what may be asked: what the flows of policies/flows permit, and nothing else.

Serial: a pod that is replaced meanwhile would be a wrong cell, so the cluster stands still. The probers are no pods of
the services: no Service leads to them and nothing controls them.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from policies.flows.flows import FLOWS
from policies.flows.identities import LOADGEN
from policies.flows.model import Identity
from policies.flows.rendering import DEFAULT_DENY
from tests.cluster.kube import Kube, eventually
from tests.cluster.matrix.outside import on_the_host, outside_host, registry_address
from tests.cluster.matrix.table import STRANGER, Matrix, probers, snapshot, sources
from tests.cluster.matrix.targets import targets
from tests.cluster.matrix.verdicts import Cell, Source, report
from toolchain import lifecycle

pytestmark = pytest.mark.serial

LEAST_IDENTITIES, LEAST_TARGETS, MOST_SECONDS = 12, 30, 180
CHANGE_SECONDS = 60
FOREIGN = "matrix-foreign"


@pytest.fixture(scope="module")
def matrix(kube: Kube, cluster: str, outputs: dict[str, Any]) -> Iterator[Matrix]:
    """The probers in their places, and the host outside."""
    image = str(outputs["images"]["payments"])
    ours = {name: name for name in outputs["namespaces"]}
    pulled = on_the_host(cluster, image, lifecycle.settings().registry_port)
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FOREIGN}})
    try:
        with outside_host(cluster, pulled) as outside, probers(kube, sources(ours, FOREIGN), {}, image) as placed:
            registry = registry_address(cluster)
            yield Matrix(kube, placed, lambda: targets(snapshot(kube, ours), outside, registry))
    finally:
        kube.run("delete", "namespace", FOREIGN, "--wait=false")


@pytest.mark.concept("B5", "I5", "I6", "I7", "J6")
def test_every_cell_of_the_matrix_is_as_declared(matrix: Matrix) -> None:
    """Each identity to each Service, pod port, node, API server, outside: as declared; a denial is a drop in Hubble."""
    began = time.monotonic()
    cells = matrix.cells()
    seconds = time.monotonic() - began
    kinds = Counter("allowed" if cell.expected.allowed else "denied" for cell in cells)
    doors = {cell.target.name for cell in cells}
    print(f"{len(matrix.probers)} sources, {len(doors)} targets: {dict(kinds)} in {seconds:.0f} s")
    wrong = report(cells)
    assert not wrong, f"{len(wrong.splitlines())} of {len(cells)} cells are wrong:\n{wrong}"
    assert len(matrix.probers) >= LEAST_IDENTITIES
    assert len(doors) >= LEAST_TARGETS
    assert seconds <= MOST_SECONDS
    assert not unseen_flows(matrix, cells)


def unseen_flows(matrix: Matrix, cells: list[Cell]) -> list[str]:
    """The flows between ends that are there of which no cell is."""
    there = {source.identity for source in matrix.probers}
    reached = {cell.target.destination for cell in cells}
    seen = {
        (cell.source.identity, cell.target.destination, cell.target.inner_port, cell.target.protocol)
        for cell in cells
        if cell.expected.allowed
    }
    usable = [flow for flow in FLOWS if flow.source in there and flow.destination in reached]
    return [str(flow) for flow in usable if flow.permission not in seen]


@pytest.mark.concept("I5", "I6")
def test_a_policy_removed_by_hand_is_found(matrix: Matrix) -> None:
    """All is right → a permission goes: its cells are wrong → back → the default-deny goes: other cells are → back."""
    named, stranger = Source(LOADGEN), Source(Identity(LOADGEN.namespace, STRANGER))

    found: list[Cell] = []

    def wrong() -> bool:
        found[:] = [cell for cell in matrix.cells([named, stranger]) if cell.wrong()]
        return bool(found)

    assert not wrong(), report(found)
    for policy, concerned, allowed in ((LOADGEN.policy_name, named, True), (DEFAULT_DENY, stranger, False)):
        with removed(matrix.kube, policy, LOADGEN.namespace):
            eventually(f"the matrix finds that {policy} is gone", wrong, seconds=CHANGE_SECONDS)
            assert {(cell.source, cell.expected.allowed) for cell in found} == {(concerned, allowed)}, report(found)
        eventually(
            "the matrix is right again", lambda: not wrong(), seconds=CHANGE_SECONDS, diagnose=lambda: report(found)
        )


@contextmanager
def removed(kube: Kube, name: str, namespace: str) -> Iterator[None]:
    """A NetworkPolicy is gone until the `with` ends; then it is as it was, its field manager included."""
    policy = kube.get("networkpolicy", name, "--namespace", namespace, "--show-managed-fields")
    manager = policy["metadata"]["managedFields"][0]["manager"]
    kept = {key: policy["metadata"].get(key, {}) for key in ("name", "namespace", "labels", "annotations")}
    again = {"apiVersion": policy["apiVersion"], "kind": policy["kind"], "metadata": kept, "spec": policy["spec"]}
    kube.run("delete", "networkpolicy", name, "--namespace", namespace)
    try:
        yield
    finally:
        kube.run("apply", "--server-side", "--field-manager", manager, "--filename", "-", stdin=json.dumps(again))
