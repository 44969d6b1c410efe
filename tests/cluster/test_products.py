"""The first slice of the shop from outside the cluster: products from PostgreSQL through the gateway."""

import re
from typing import Any

import httpx
import pytest

from tests.cluster.kube import Kube


@pytest.fixture(params=["gateway", "gateway (load balancer)"])
def gateway(request: pytest.FixtureRequest, outputs: dict[str, Any]) -> str:
    """Each way in, by its URL on the host."""
    return str(outputs["urls"][request.param])


@pytest.mark.concept("B6", "A7", "C3", "C4")
def test_products_are_served_through_every_way_in(gateway: str) -> None:
    """The host reads a page of the 60 products by the NodePort and by the LoadBalancer's address."""
    answer = httpx.get(f"{gateway}/api/products", params={"page": 2, "size": 7}, timeout=10)
    assert answer.status_code == 200
    page = answer.json()
    assert (page["total"], page["page"], page["size"], len(page["items"])) == (60, 2, 7, 7)
    assert re.fullmatch(r"\d+\.\d{2}", page["items"][0]["price"]["amount"])
    assert answer.headers["x-request-id"]


def test_what_is_served_is_what_postgresql_holds(kube: Kube, outputs: dict[str, Any]) -> None:
    """A price changed in the database is the price that the gateway serves."""
    url = f"{outputs['urls']['gateway']}/api/products"
    product = httpx.get(url, timeout=10).json()["items"][0]
    server = [
        "exec",
        "--namespace",
        "data",
        "postgres-0",
        "--",
        "psql",
        "--username=postgres",
        "--dbname=catalog",
        "-tA",
    ]
    rows = kube.run(*server, "--command", f"select name from products where sku = '{product['sku']}'")  # noqa: S608
    assert rows.strip() == product["name"]


def test_one_product_by_its_sku(gateway: str) -> None:
    """A product's own page is the same as its entry in the list."""
    first = httpx.get(f"{gateway}/api/products", timeout=10).json()["items"][0]
    answer = httpx.get(f"{gateway}/api/products/{first['sku']}", timeout=10)
    assert (answer.status_code, answer.json()["sku"]) == (200, first["sku"])


@pytest.mark.parametrize(
    ("path", "status"), [("/api/products/NO-SUCH", 404), ("/api/products?size=0", 422), ("/api/nowhere", 404)]
)
def test_errors_are_problem_documents(gateway: str, path: str, status: int) -> None:
    """An unknown product or path and a bad page size are answered by RFC 9457 problem documents."""
    answer = httpx.get(f"{gateway}{path}", headers={"X-Request-Id": "live-test-1"}, timeout=10)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == status
    assert answer.headers["x-request-id"] == "live-test-1"


def test_the_request_id_is_in_the_logs_of_both_services(kube: Kube, outputs: dict[str, Any]) -> None:
    """One request's id is found in the log of the gateway and of the catalog."""
    identity = "live-test-request-id-42"
    httpx.get(f"{outputs['urls']['gateway']}/api/products", headers={"X-Request-Id": identity}, timeout=10)
    for namespace, name in (("edge", "gateway"), ("shop", "catalog")):
        selector = f"app.kubernetes.io/name={name}"
        lines = kube.run("logs", "--namespace", namespace, "--selector", selector, "--tail=-1", "--since=120s")
        assert identity in lines, f"{namespace}/{name}"
