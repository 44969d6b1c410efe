"""Requests from outside find their service by host and by path, over TLS, by the Gateway API and by Ingress alike."""

import json
import socket
import ssl
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.cluster.edge import SPACE, AtAddress, Edge, applied, ingress_of, new_host, route_of, serves
from tests.cluster.kube import Kube, eventually, ready, steady_load
from tests.cluster.pods import inside
from tests.cluster.shop import pods_of, restarts, rolled_out

SHOP = "shop.blueprint.test"
API = "api.blueprint.test"
INGRESS = "ingress.blueprint.test"
HOSTS = (SHOP, API, INGRESS)
API_PATH = "/api/products?size=1"


@pytest.fixture(scope="module")
def edge(outputs: dict[str, Any]) -> Edge:
    """The edge of the stack."""
    if SHOP not in outputs["urls"]:
        pytest.skip("needs edge routing, which is left out where the cluster brings its own network")
    return Edge(httpx.URL(outputs["urls"][SHOP]).host, outputs["authority"])


def upstream(kube: Kube, request_id: str) -> str:
    """The service that Envoy sent a request to, by Envoy's own log: `<namespace>_<service>_<port>`."""
    found: list[str] = []

    def logged() -> bool:
        for pod in pods_of(kube, SPACE, "envoy"):
            log = kube.run("logs", pod["metadata"]["name"], "--namespace", SPACE, "--container", "envoy", "--since=60s")
            lines = [line for line in log.splitlines() if request_id in line]
            found.extend(str(json.loads(line)["upstream_cluster"]) for line in lines)
        return bool(found)

    eventually(f"Envoy logs the request {request_id}", logged, seconds=30)
    return found[0]


@pytest.mark.concept("J7", "B6")
@pytest.mark.parametrize(
    ("host", "path", "service"),
    [
        (SHOP, "/", "web"),
        (SHOP, API_PATH, "gateway"),
        (API, API_PATH, "gateway"),
        (INGRESS, "/", "web"),
        (INGRESS, API_PATH, "gateway"),
    ],
)
def test_host_and_path_decide_the_service(edge: Edge, kube: Kube, host: str, path: str, service: str) -> None:
    """Each host and path over TLS is answered by the service that its route names; Envoy's log says which it was."""
    request_id = uuid.uuid4().hex
    answer = edge.get(f"https://{host}{path}", headers={"X-Request-Id": request_id})
    kind = "text/html" if path == "/" else "application/json"
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind), answer.text[:300]
    assert answer.headers["x-request-id"] == request_id
    assert upstream(kube, request_id) == f"{SPACE}_{service}_80"


@pytest.mark.concept("J7", "A7")
@pytest.mark.parametrize("host", HOSTS)
def test_the_certificate_is_of_the_stack_s_authority_and_names_the_host(edge: Edge, host: str) -> None:
    """TLS 1.3 with a certificate for the host by the stack's authority; who does not trust that one is not served."""
    expected = {SHOP: {SHOP, API}, API: {SHOP, API}, INGRESS: {INGRESS}}
    with (
        socket.create_connection((edge.address, 443), timeout=10) as plain,
        edge.trusted().wrap_socket(plain, server_hostname=host) as secured,
    ):
        certificate: dict[str, Any] = secured.getpeercert() or {}
        assert secured.version() == "TLSv1.3"
    assert set(certificate["subjectAltName"]) == {("DNS", name) for name in expected[host]}
    strangers = httpx.Client(transport=AtAddress(edge.address, ssl.create_default_context()), timeout=10)
    with strangers, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        strangers.get(f"https://{host}/")


@pytest.mark.concept("J7")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(edge: Edge, version: ssl.TLSVersion) -> None:
    """A client that speaks nothing newer than TLS 1.1 gets no connection."""
    old = edge.trusted()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = version
    with edge.client(old) as client, pytest.raises(httpx.ConnectError, match="SSL"):
        client.get(f"https://{SHOP}/")


@pytest.mark.concept("J7")
def test_an_unknown_host_finds_nothing(edge: Edge) -> None:
    """404 for a plain request; over TLS not even a handshake, since there is no certificate to show."""
    host = new_host()
    assert edge.get(f"http://{host}/").status_code == 404
    with pytest.raises(httpx.ConnectError):
        edge.get(f"https://{host}/")


@pytest.mark.concept("J7")
def test_a_request_for_another_host_than_the_connection_s_is_misdirected(edge: Edge) -> None:
    """A connection that was opened for one host carries no request to another one: 421."""
    assert edge.get(f"https://{SHOP}/").status_code == 200
    assert edge.get(f"https://{SHOP}/", headers={"Host": INGRESS}).status_code == 421


@pytest.mark.concept("J7")
@pytest.mark.parametrize("host", HOSTS)
def test_a_plain_request_is_sent_to_tls(edge: Edge, host: str) -> None:
    """301 to the same path of the same host, and nothing is served without TLS."""
    answer = edge.get(f"http://{host}{API_PATH}")
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{host}{API_PATH}")


@pytest.mark.concept("J7")
def test_the_api_says_what_is_served_and_where(edge: Edge, kube: Kube) -> None:
    """Gateway, routes and Ingress show in their status that they are in force, and at which address."""
    gateway = kube.get("gateway", "edge", "--namespace", SPACE)["status"]
    assert _true(gateway["conditions"]) >= {"Accepted", "Programmed"}
    assert [one["value"] for one in gateway["addresses"]] == [edge.address]
    for route in ("shop", "api", "to-https"):
        (parent,) = kube.get("httproute", route, "--namespace", SPACE)["status"]["parents"]
        assert _true(parent["conditions"]) >= {"Accepted", "ResolvedRefs"}, route
    ingress = kube.get("ingress", "shop", "--namespace", SPACE)["status"]["loadBalancer"]["ingress"]
    assert ingress == [{"ip": edge.address}]


def _true(conditions: list[dict[str, str]]) -> set[str]:
    return {one["type"] for one in conditions if one["status"] == "True"}


@pytest.mark.concept("J7")
@pytest.mark.parametrize("made", [route_of, ingress_of])
def test_a_route_is_taken_up_and_dropped_while_envoy_runs(
    edge: Edge, kube: Kube, made: Callable[[str], dict[str, Any]]
) -> None:
    """404 → a route or an Ingress for the host → 200 → it is deleted → 404 again; no Envoy was started anew for it."""
    host = new_host()
    before = {pod["metadata"]["uid"]: restarts(pod) for pod in pods_of(kube, SPACE, "envoy")}
    serves(edge, host, 404)
    with applied(kube, made(host)):
        serves(edge, host, 200)
    serves(edge, host, 404)
    assert {pod["metadata"]["uid"]: restarts(pod) for pod in pods_of(kube, SPACE, "envoy")} == before


@pytest.mark.concept("J7")
@pytest.mark.parametrize("made", [route_of, ingress_of])
def test_another_namespace_adds_no_route(
    edge: Edge, kube: Kube, namespace: str, made: Callable[[str, str], dict[str, Any]]
) -> None:
    """What a foreign namespace routes is not served, though a route of the edge's own is taken up meanwhile."""
    foreign, own = new_host(), new_host()
    with applied(kube, made(foreign, namespace)), applied(kube, route_of(own)):
        serves(edge, own, 200)
        assert edge.get(f"http://{foreign}/").status_code == 404
    with applied(kube, made(foreign, SPACE)):
        serves(edge, foreign, 200)


@pytest.mark.concept("J7")
def test_a_route_to_a_service_that_is_not_there_answers_with_an_error(edge: Edge, kube: Kube) -> None:
    """500, as the Gateway API says, and the route's status names what is missing; no other route suffers."""
    host = new_host()
    route = route_of(host, backend="nobody")
    with applied(kube, route):
        serves(edge, host, 500)
        (parent,) = kube.get("httproute", route["metadata"]["name"], "--namespace", SPACE)["status"]["parents"]
        reasons = {one["type"]: (one["status"], one["reason"]) for one in parent["conditions"]}
        assert reasons["ResolvedRefs"] == ("False", "BackendNotFound")
        assert edge.get(f"https://{SHOP}/").status_code == 200


@pytest.mark.concept("J7", "I4")
@pytest.mark.parametrize(("space", "may"), [(SPACE, True), ("data", False), ("shop", False), ("kube-system", False)])
def test_contour_reads_no_secret_but_the_edge_s(kube: Kube, space: str, may: bool) -> None:
    """Contour's account lists Secrets of its own namespace and of no other."""
    account = f"system:serviceaccount:{SPACE}:contour"
    asked = kube.attempt("auth", "can-i", "list", "secrets", "--namespace", space, f"--as={account}")
    assert asked.stdout.split()[0] == ("yes" if may else "no"), asked.stdout + asked.stderr


@pytest.mark.concept("J7", "B9")
def test_envoy_shows_figures_and_takes_no_commands(edge: Edge, kube: Kube) -> None:
    """On the metrics port are requests by service; what ends, drains or describes Envoy is not there."""
    edge.get(f"https://{SHOP}/")
    pod = pods_of(kube, SPACE, "envoy")[0]["metadata"]["name"]
    assert "envoy_cluster_upstream_rq" in _ask(kube, pod, "GET /stats/prometheus")
    for command in ("POST /quitquitquit", "POST /healthcheck/fail", "GET /config_dump", "GET /certs"):
        assert _ask(kube, pod, command).startswith("HTTP/1.1 404"), command


def _ask(kube: Kube, pod: str, request: str, port: int = 9100) -> str:
    lines = rf"{request} HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{lines}' >&3; cat <&3"
    return inside(kube, SPACE, pod, "bash", "-c", script, container="envoy")


@pytest.mark.concept("J7", "G1")
@pytest.mark.serial
def test_envoy_is_rolled_under_load_and_no_request_fails(edge: Edge, kube: Kube) -> None:
    """Both Envoys are replaced under load on the page and on the API: 0 failed requests."""
    before = {pod["metadata"]["uid"] for pod in pods_of(kube, SPACE, "envoy")}
    with (
        steady_load(f"https://{SHOP}/", clients=2, connect=edge.client) as page,
        steady_load(f"https://{API}{API_PATH}", clients=2, connect=edge.client) as api,
    ):
        kube.run("rollout", "restart", "deployment/envoy", "--namespace", SPACE)
        rolled_out(kube, SPACE, "envoy", seconds=300)
        seen = page.answered
        eventually("the load goes on", lambda: page.answered > seen + 50, seconds=30)
    assert not before & {pod["metadata"]["uid"] for pod in pods_of(kube, SPACE, "envoy")}
    assert (page.failures, api.failures) == ([], []), f"of {page.answered} and {api.answered}"


@pytest.mark.concept("J7", "F11")
@pytest.mark.serial
def test_an_envoy_goes_under_load_and_no_request_fails(edge: Edge, kube: Kube) -> None:
    """One of two Envoys is deleted: the other serves its clients, a new pod takes its place, 0 failed requests."""
    gone, _ = pods_of(kube, SPACE, "envoy")
    with steady_load(f"https://{SHOP}/", connect=edge.client) as load:
        eventually("the load runs", lambda: load.answered > 50, seconds=30)
        kube.run("delete", "pod", gone["metadata"]["name"], "--namespace", SPACE, seconds=120)
        eventually("two Envoys are ready", lambda: _ready(kube, "envoy") == 2, seconds=120)
    assert load.failures == [], f"of {load.answered}"


@pytest.mark.concept("J7", "B4")
@pytest.mark.serial
def test_requests_go_on_while_contour_is_away(edge: Edge, kube: Kube) -> None:
    """Without Contour no new route is taken up and 0 requests fail; once it is back the route is in force."""
    host = new_host()
    with steady_load(f"https://{API}{API_PATH}", connect=edge.client) as load, applied(kube, route_of(host)):
        serves(edge, host, 200)
        _scale(kube, 0)
        try:
            kube.run("delete", "httproute", route_of(host)["metadata"]["name"], "--namespace", SPACE)
            seen = load.answered
            eventually("the load goes on without Contour", lambda: load.answered > seen + 200, seconds=60)
            assert edge.get(f"http://{host}/").status_code == 200, "Envoy goes on with what it knew"
        finally:
            _scale(kube, 1)
        eventually("the deleted route is dropped", lambda: edge.get(f"http://{host}/").status_code == 404, seconds=90)
        kube.apply(route_of(host))
    assert load.failures == [], f"of {load.answered}"


def _scale(kube: Kube, replicas: int) -> None:
    kube.run("scale", "deployment/contour", "--namespace", SPACE, f"--replicas={replicas}")
    eventually(
        f"{replicas} of Contour run",
        lambda: (len(pods_of(kube, SPACE, "contour")), _ready(kube, "contour")) == (replicas, replicas),
        seconds=120,
        diagnose=lambda: kube.diagnostics(SPACE),
    )


def _ready(kube: Kube, name: str) -> int:
    return sum(ready(pod) for pod in pods_of(kube, SPACE, name))
