"""The flows as data: what may be declared, what follows from it, and that nobody in the program was forgotten."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.data import nats, postgres, valkey
from infra.foundation.namespaces import NAMESPACES
from infra.shop.gateway import ROUTES
from infra.shop.orders import PARTNERS
from infra.shop.stores import USES
from infra.shop.web import topology_edges
from policies.flows import identities, picture
from policies.flows.asking import allowed
from policies.flows.flows import FLOWS, METRICS, SERVICES
from policies.flows.identities import CATALOG, CATALOG_MIGRATION, GATEWAY, IDENTITIES, NATS, ORDERS, POSTGRES, VALKEY
from policies.flows.model import Flow, FlowError, Identity, Peer, Protocol, checked
from tests.program.recording import Recorded

STORE_PORTS = {"postgres": postgres.PORT, "valkey": valkey.PORT, "nats": nats.PORT}
LATER = {"observability"}
"""Namespaces that flows speak of already."""
ONE = Flow(GATEWAY, CATALOG, 8080, "a test")


@pytest.mark.parametrize(
    ("flow", "rule"),
    [
        (replace(ONE, source=Identity("edge", "stranger")), "edge/stranger is no identity"),
        (replace(ONE, destination=Identity("shop", "catalog", "worker")), "shop/catalog-worker is no identity"),
        (replace(ONE, source=Peer.WORLD, destination=Peer.API_SERVER), "neither end is a pod of ours"),
        (replace(ONE, source=Peer.DNS), "name servers open no connections"),
        (replace(ONE, destination=Peer.METADATA), "nobody may ask for metadata"),
        (replace(ONE, port=0), "a port is between 1 and 65535"),
        (replace(ONE, port=65536), "a port is between 1 and 65535"),
        (replace(ONE, why=""), "nobody says why"),
    ],
)
def test_a_flow_that_cannot_be_meant_is_refused(flow: Flow, rule: str) -> None:
    with pytest.raises(FlowError, match=rule) as error:
        checked([flow], IDENTITIES)
    assert str(flow) in str(error.value)


def test_a_flow_is_declared_once() -> None:
    with pytest.raises(FlowError, match="declared twice"):
        checked([ONE, replace(ONE, why="another reason")], IDENTITIES)
    assert len(checked([ONE, replace(ONE, protocol=Protocol.UDP)], IDENTITIES)) == 2


def test_every_identity_is_named_once_and_lives_in_a_namespace_of_ours() -> None:
    named = [one for one in vars(identities).values() if isinstance(one, Identity)]
    assert sorted(map(str, named)) == sorted(map(str, IDENTITIES))
    assert len(set(IDENTITIES)) == len(IDENTITIES) >= 12
    assert {one.namespace for one in IDENTITIES} <= set(NAMESPACES) | LATER


def test_every_identity_has_a_flow() -> None:
    """One that has none could as well not be there, and every pod of ours is probed at least."""
    assert not set(IDENTITIES) - {end for flow in FLOWS for end in (flow.source, flow.destination)}


def test_what_is_not_declared_is_denied() -> None:
    assert allowed(GATEWAY, CATALOG, 8080) is not None
    assert allowed(CATALOG, GATEWAY, 8080) is None
    assert allowed(GATEWAY, CATALOG, 8080, Protocol.UDP) is None
    assert allowed(GATEWAY, CATALOG, 8081) is None
    assert allowed(Identity("shop", "new"), CATALOG, 8080) is None
    assert allowed(GATEWAY, Identity("shop", "new"), 8080) is None


def test_a_node_reaches_its_own_pods_and_they_do_not_reach_it() -> None:
    assert allowed(Peer.HOST, Identity("shop", "new"), 12345) is not None
    assert allowed(CATALOG, Peer.HOST, 10250) is None
    assert allowed(Peer.REMOTE_NODE, CATALOG, 8080) is None
    outward = [flow for flow in FLOWS if flow.destination in (Peer.HOST, Peer.REMOTE_NODE, Peer.WORLD)]
    assert {flow.source for flow in outward} == {identities.PROMETHEUS}
    assert Peer.WORLD not in {flow.destination for flow in outward}


def test_a_migration_reaches_its_database_and_nothing_else_and_nobody_reaches_it() -> None:
    reached = {(flow.destination, flow.port) for flow in FLOWS if flow.source == CATALOG_MIGRATION}
    assert reached == {(POSTGRES, 5432), (Peer.DNS, 53)}
    assert not [flow for flow in FLOWS if flow.destination == CATALOG_MIGRATION]


def test_metrics_are_for_prometheus_alone() -> None:
    for service in SERVICES:
        askers = {flow.source for flow in FLOWS if (flow.destination, flow.port) == (service, METRICS)}
        assert askers == {identities.PROMETHEUS}, service


def test_every_route_of_the_gateway_is_a_flow() -> None:
    for route in ROUTES:
        name, namespace = route.upstream.removeprefix("http://").partition("/")[0].split(".")
        assert allowed(GATEWAY, Identity(namespace, name), 8080), route.path


def test_every_partner_of_an_order_and_every_store_in_use_is_a_flow() -> None:
    for url in PARTNERS.values():
        assert allowed(ORDERS, Identity("shop", url.removeprefix("http://").split(".")[0]), 8080), url
    for service, stores in USES.items():
        for store in stores:
            assert allowed(Identity("shop", service), Identity("data", store), STORE_PORTS[store]), (service, store)


def test_nobody_else_reaches_a_store() -> None:
    for store in (POSTGRES, VALKEY, NATS):
        users = {flow.source.name for flow in FLOWS if flow.destination == store and isinstance(flow.source, Identity)}
        watching = {f"{store.name}-exporter", "blackbox-exporter"}
        assert watching <= users
        assert users - watching - {"streams"} == {service for service, used in USES.items() if store.name in used}


def test_the_topology_shows_flows_only() -> None:
    """What the page draws and what the network permits cannot differ."""
    permitted = {(str(flow.source), str(flow.destination)) for flow in FLOWS}
    for edge in topology_edges():
        ends = ["/".join(reversed(edge[end].split("."))) for end in ("from", "to")]
        assert tuple(ends) in permitted, edge


def _workloads(stack: Recorded) -> Iterator[Identity]:
    """Who the pods are that the program makes, apart from the lab's exhibits."""
    for one in stack.kubernetes():
        metadata, spec = one.inputs.get("metadata", {}), one.inputs.get("spec", {})
        if metadata.get("namespace") in NAMESPACES and metadata.get("namespace") != "lab" and "template" in spec:
            yield Identity(metadata["namespace"], spec["template"]["metadata"]["labels"]["app.kubernetes.io/name"])
    for release in stack.of_type("kubernetes:helm.sh/v3:Release"):
        values = release.inputs["values"]
        if release.inputs["namespace"] in NAMESPACES:
            yield Identity(release.inputs["namespace"], release.name)
            if values.get("migration", {}).get("enabled"):
                yield Identity(release.inputs["namespace"], release.name, identities.MIGRATION)


def test_everybody_in_the_program_is_an_identity(stack: Recorded) -> None:
    """A service that was forgotten here would be released, and reach nobody."""
    assert not set(_workloads(stack)) - set(IDENTITIES)


def test_the_page_in_the_docs_is_current() -> None:
    page = picture.PAGE.read_text()
    assert page == picture.current(page, picture.parts()), "run: python -m policies.flows.picture"


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(FlowError, match="no place for the picture"):
        picture.current("nothing", picture.parts())


def test_the_picture_has_a_box_for_each_end_and_a_line_for_each_pair() -> None:
    drawn = picture.picture([ONE, replace(ONE, port=8081), replace(ONE, source=Peer.DNS)], [GATEWAY, CATALOG])
    assert "edge_gateway -->|8080, 8081| shop_catalog" in drawn
    assert drawn.count("-->") == 1
    assert 'subgraph shop\n        shop_catalog["catalog"]' in drawn
