"""The cache of the catalog, and each way in which a ConfigMap or a Secret reaches a process of the shop."""

import json
import uuid
from typing import Any

import pytest
import yaml

from tests.cluster.kube import Kube, eventually, ready
from tests.cluster.shop import PYTHON, Shop, metric, pods_of, query, restarts, rolled_out

RELOAD_SECONDS = 150
"""The kubelet brings a changed ConfigMap into a volume within its sync period, a minute, and a cache's age."""
CACHE_SECONDS = 30
"""Where Valkey does not answer in time, as on a busy host, the catalog reads straight, and tells of changes later."""


@pytest.mark.concept("A6")
def test_the_catalog_reads_through_its_cache(shop: Shop, kube: Kube) -> None:
    """A product that was just changed is read from PostgreSQL once (a miss), then from Valkey (hits)."""
    sku = "DSK-LMP-01"

    def counted(outcome: str) -> float:
        pods = [pod["metadata"]["name"] for pod in pods_of(kube, "shop", "catalog") if ready(pod)]
        return sum(metric(kube, "shop", pod, "cache_requests_total", outcome=outcome) for pod in pods)

    def price() -> dict[str, str]:
        return dict(shop.http.get(f"{shop.url}/api/products/{sku}").json()["price"])

    def ten_hits() -> bool:
        hits = counted("hit")
        return [price() for _ in range(10)] == [changed] * 10 and counted("hit") >= hits + 10

    misses, old = counted("miss"), price()
    changed = {**old, "amount": f"{float(old['amount']) + 1:.2f}"}
    _change_price(kube, sku, changed)
    try:
        eventually("the changed price is read", lambda: price() == changed, seconds=CACHE_SECONDS)
        assert counted("miss") > misses
        eventually("ten reads of it are hits", ten_hits, seconds=CACHE_SECONDS)
    finally:
        _change_price(kube, sku, old)
    eventually("the old price is read again", lambda: price() == old, seconds=CACHE_SECONDS)


def _change_price(kube: Kube, sku: str, price: dict[str, str]) -> None:
    """From inside the catalog's own pod: the gateway has no route for it."""
    program = (
        "import sys, urllib.request as request\n"
        "url, body = 'http://127.0.0.1:8080/products/' + sys.argv[1], sys.argv[2].encode()\n"
        "headers = {'Content-Type': 'application/json'}\n"
        "request.urlopen(request.Request(url, body, headers, method='PATCH'), timeout=10).read()\n"
    )
    inside = ["exec", "--namespace", "shop", "deployment/catalog", "--", PYTHON, "-c", program]
    kube.run(*inside, sku, json.dumps({"price": price}))


def test_the_gateway_lets_nobody_change_a_product(shop: Shop) -> None:
    """PATCH is not routed from outside."""
    answer = shop.http.patch(
        f"{shop.url}/api/products/DSK-LMP-01", json={"price": {"amount": "0.01", "currency": "EUR"}}
    )
    assert answer.status_code == 405


@pytest.mark.concept("F9")
def test_a_changed_file_reaches_the_gateway_without_a_restart(shop: Shop, kube: Kube) -> None:
    """A route added to the ConfigMap serves in the pods that ran before; taken away, it is gone again."""
    before = {pod["metadata"]["uid"]: restarts(pod) for pod in pods_of(kube, "edge", "gateway")}
    found = kube.get("configmap", "gateway-watched", "--namespace", "edge")["data"]
    (name,) = [key for key in found if "routes" in key]
    table = yaml.safe_load(found[name])
    path = f"/api/test-{uuid.uuid4().hex[:6]}"
    route = {"path": path, "upstream": "http://catalog.shop/products", "methods": ["GET", "HEAD"]}

    def status() -> int:
        return shop.http.get(f"{shop.url}{path}").status_code

    unrouted = status()
    assert unrouted != 200
    try:
        _write(kube, name, yaml.safe_dump({**table, "routes": [*table["routes"], route]}))
        eventually("every gateway pod serves the new route", lambda: _steadily(status, 200), seconds=RELOAD_SECONDS)
    finally:
        _write(kube, name, found[name])
    eventually("the route is gone", lambda: _steadily(status, unrouted), seconds=RELOAD_SECONDS)
    after = {pod["metadata"]["uid"]: restarts(pod) for pod in pods_of(kube, "edge", "gateway")}
    assert {uid: after[uid] for uid in before if uid in after} == {uid: before[uid] for uid in before if uid in after}
    assert set(before) & set(after), "the pods that served it are those that ran before"


def _steadily(status: Any, wanted: int) -> bool:
    return all(status() == wanted for _ in range(8))


def _write(kube: Kube, name: str, text: str) -> None:
    patch = json.dumps({"data": {name: text}})
    kube.run("patch", "configmap", "gateway-watched", "--namespace", "edge", "--type=merge", "--patch", patch)


@pytest.mark.concept("F8")
def test_a_configmap_s_value_is_an_argument_of_valkey(kube: Kube) -> None:
    """What the ConfigMap says is in the command line of the running server."""
    pod = pods_of(kube, "data", "valkey")[0]
    maxmemory = kube.get("configmap", "valkey", "--namespace", "data")["data"]["VALKEY_MAXMEMORY"]
    command = kube.run("exec", "--namespace", "data", pod["metadata"]["name"], "--", "cat", "/proc/1/cmdline")
    assert f"--maxmemory\0{maxmemory}\0" in command


@pytest.mark.concept("F7")
def test_an_environment_changes_only_with_the_rollout_that_the_change_triggers(kube: Kube) -> None:
    """A changed ConfigMap leaves a running process as it is; after a rollout the new value is in the process."""

    def level() -> str:
        inside = ["exec", "--namespace", "shop", "deployment/payments", "--", PYTHON, "-c"]
        return kube.run(*inside, "import os; print(os.environ.get('LOG_LEVEL', ''))").strip()

    def write(value: str | None) -> None:
        patch = json.dumps({"data": {"LOG_LEVEL": value}})
        kube.run("patch", "configmap", "payments-env", "--namespace", "shop", "--type=merge", "--patch", patch)

    first = level()
    assert first != "warning"
    try:
        write("warning")
        assert level() == first
        _restart(kube, "payments")
        assert level() == "warning"
    finally:
        write(first or None)
        _restart(kube, "payments")
    assert level() == first


def _restart(kube: Kube, name: str) -> None:
    kube.run("rollout", "restart", f"deployment/{name}", "--namespace", "shop")
    rolled_out(kube, "shop", name)


@pytest.mark.concept("F10")
def test_a_secret_is_a_file_of_the_pods_that_need_it_and_of_no_other(kube: Kube) -> None:
    """The password is in a file that only its pod's user reads, in no environment, and not in other services' pods."""
    inside = ["exec", "--namespace", "shop", "--container"]
    listing = kube.run(*inside, "catalog", "deployment/catalog", "--", "ls", "-lnL", "/run/secrets/postgres/password")
    mode, _, user, group, *_ = listing.split()
    assert (mode, user, group) == ("-r--r-----", "0", "10001")
    password = kube.run(*inside, "catalog", "deployment/catalog", "--", "cat", "/run/secrets/postgres/password").strip()
    assert len(password) >= 40
    for name in ("catalog", "orders", "payments"):
        environment = kube.run(*inside, name, f"deployment/{name}", "--", "cat", "/proc/1/environ")
        assert password not in environment
    assert kube.attempt(*inside, "payments", "deployment/payments", "--", "ls", "/run/secrets/postgres").returncode != 0
    assert query(kube, "postgres", "select count(*) from pg_roles where rolname = 'catalog'") == ["1"]
