"""What is killed comes back, and nobody outside notices."""

from typing import Any

import httpx
import pytest

from tests.cluster.kube import Kube, eventually, ready, steady_load

CATALOG = ("--namespace", "shop", "--selector", "app.kubernetes.io/name=catalog")


def _ready_catalogs(kube: Kube) -> list[str]:
    return [pod["metadata"]["name"] for pod in kube.items("pods", *CATALOG) if ready(pod)]


@pytest.mark.serial
@pytest.mark.concept("A5", "B4", "D8")
def test_a_catalog_pod_killed_under_load_fails_no_request(kube: Kube, outputs: dict[str, Any]) -> None:
    """A catalog pod is deleted, another one killed at once: every request through the gateway is answered."""
    before = _ready_catalogs(kube)
    assert len(before) >= 2, "the catalog runs at least two replicas"
    with steady_load(f"{outputs['urls']['gateway']}/api/products?size=5") as load:
        eventually("the load runs", lambda: load.answered > 50, seconds=30)
        kube.run("delete", "pod", "--namespace", "shop", before[0], "--wait=false")
        eventually("a new pod took its place", lambda: _replaced(kube, before[:1], len(before)), seconds=120)
        kube.run("delete", "pod", "--namespace", "shop", before[1], "--grace-period=0", "--force")
        eventually("a new pod took its place", lambda: _replaced(kube, before[:2], len(before)), seconds=120)
        seen = load.answered
        eventually("the load goes on", lambda: load.answered > seen + 100, seconds=30)
    assert load.failures == [], f"{len(load.failures)} of {load.answered}: {load.failures[:5]}"


def _replaced(kube: Kube, gone: list[str], count: int) -> bool:
    found = _ready_catalogs(kube)
    return len(found) >= count and not set(gone) & set(found)  # the autoscaler may have added one


@pytest.mark.serial
@pytest.mark.concept("C15")
def test_postgresql_keeps_its_data_when_its_pod_is_deleted(kube: Kube, outputs: dict[str, Any]) -> None:
    """A row written before PostgreSQL's pod is deleted is there after, and the catalog serves again by itself."""
    server = ["exec", "--namespace", "data", "postgres-0", "--", "psql", "--username=postgres", "-tA", "--command"]
    kube.run(*server, "create table if not exists survives (note text); insert into survives values ('still here')")
    first = kube.get("pod", "postgres-0", "--namespace", "data")["metadata"]["uid"]
    kube.run("delete", "pod", "postgres-0", "--namespace", "data")

    def is_back() -> bool:
        found = kube.attempt("get", "pod", "postgres-0", "--namespace", "data", "--output", "jsonpath={.metadata.uid}")
        return found.stdout not in ("", first) and ready(kube.get("pod", "postgres-0", "--namespace", "data"))

    eventually("PostgreSQL is ready again", is_back, seconds=120, diagnose=lambda: kube.diagnostics("data"))
    assert "still here" in kube.run(*server, "select note from survives; drop table survives")
    url = f"{outputs['urls']['gateway']}/api/products"
    eventually("the catalog serves again", lambda: httpx.get(url, timeout=10).status_code == 200, seconds=60)
