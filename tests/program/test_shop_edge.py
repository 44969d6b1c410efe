"""The edge: the gateway's route table, and the topology that the web page shows and may look at."""

import yaml

from infra.shop.gateway import ROUTES, gateway_values
from infra.shop.stores import USES
from infra.shop.web import SHOWN, topology_edges, web_values
from tests.program.recording import Object, Recorded, Registered
from tests.program.test_shop import SERVICES

ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"


def test_the_route_table_is_a_file_that_the_gateway_is_told_of_and_takes_up_while_it_runs() -> None:
    given = gateway_values(node_port=False, address=None)
    (name, text), *none = given["watchedFiles"].items()
    assert not none
    assert given["env"]["ROUTES_FILE"] == f"/etc/watched/{name}"
    assert yaml.safe_load(text) == {"routes": [route.line() for route in ROUTES]}


def test_the_routes_are_the_contract() -> None:
    """Orders alone are written through the gateway; everything else is the page's."""
    read = ("GET", "HEAD")
    assert {route.path: (route.upstream, route.methods) for route in ROUTES} == {
        "/api/products": ("http://catalog.shop/products", read),
        "/api/inventory": ("http://inventory.shop/inventory", read),
        "/api/orders": ("http://orders.shop/orders", (*read, "POST")),
        "/api/notifications": ("http://notifications.shop/notifications", read),
        "/api/topology": ("http://web.edge/topology", read),
        "/": ("http://web.edge", read),
    }


def test_every_route_leads_to_a_service_where_it_is_released() -> None:
    for route in ROUTES:
        name, _, namespace = route.upstream.removeprefix("http://").partition("/")[0].partition(".")
        assert SERVICES[name] == namespace


def test_the_topology_is_a_file_that_the_page_is_told_of_and_takes_up_while_it_runs() -> None:
    given = web_values()
    (name, text), *none = given["watchedFiles"].items()
    assert not none
    assert given["env"]["TOPOLOGY_FILE"] == f"/etc/watched/{name}"
    assert yaml.safe_load(text) == {"edges": topology_edges()}


def test_every_end_of_an_edge_is_a_service_or_a_store_in_its_namespace() -> None:
    stores = {store for used in USES.values() for store in used}
    places = {f"{name}.{space}" for name, space in (SERVICES | dict.fromkeys(stores, "data")).items()}
    edges = topology_edges()
    assert {edge[end] for edge in edges for end in ("from", "to")} <= places
    assert all(edge["from"] != edge["to"] for edge in edges)
    assert len({(edge["from"], edge["to"]) for edge in edges}) == len(edges)


def test_the_edges_are_what_the_routes_the_settings_and_the_logins_say() -> None:
    edges = {(edge["from"], edge["to"], edge["protocol"]) for edge in topology_edges()}
    assert {
        ("gateway.edge", "web.edge", "HTTP"),
        ("orders.shop", "payments.shop", "HTTP"),
        ("catalog.shop", "valkey.data", "RESP"),
        ("orders.shop", "nats.data", "NATS"),
        ("inventory.shop", "postgres.data", "PostgreSQL"),
    } <= edges
    assert not [edge for edge in edges if edge[0] == "payments.shop"], "payments keeps nothing and asks nobody"


def test_the_page_may_see_the_pods_that_it_shows_and_nothing_else(stack: Recorded) -> None:
    """Least privilege: a Role in each namespace, no ClusterRole, and no verb that changes or watches."""
    roles = {one.inputs["metadata"]["namespace"]: one.inputs for one in _web_s(stack, ROLE)}
    assert roles.keys() == set(SHOWN) == {"edge", "shop", "data"}
    for role in roles.values():
        assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


def test_the_page_s_account_and_no_other_has_that_right(stack: Recorded) -> None:
    bindings = {one.inputs["metadata"]["namespace"]: one.inputs for one in _web_s(stack, BINDING)}
    assert bindings.keys() == set(SHOWN)
    for space, binding in bindings.items():
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "web", "namespace": "edge"}]
        (role,) = [one for one in _web_s(stack, ROLE) if one.inputs["metadata"]["namespace"] == space]
        reference: Object = binding["roleRef"]
        assert (reference["kind"], reference["name"]) == ("Role", role.inputs["metadata"]["name"])


def test_the_page_alone_has_a_token_and_its_rights_are_there_first(stack: Recorded) -> None:
    token = {
        one.name
        for one in stack.of_type("kubernetes:helm.sh/v3:Release")
        if one.inputs["values"].get("serviceAccount", {}).get("token")
    }
    assert token == {"web"}
    rights = {one.urn for one in [*_web_s(stack, ROLE), *_web_s(stack, BINDING)]}
    assert rights <= stack.before(stack.one("kubernetes:helm.sh/v3:Release", "web"))
    assert web_values()["env"]["TOPOLOGY_NAMESPACES"].split(",") == list(SHOWN)


def _web_s(stack: Recorded, kind: str) -> list[Registered]:
    """The objects of a kind that are labelled as the page's."""
    labels = {"app.kubernetes.io/name": "web"}.items()
    return [one for one in stack.of_type(kind) if labels <= one.inputs["metadata"].get("labels", {}).items()]
