"""Every graph of every dashboard, and every rule, has something to say while the shop is at work."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from monitoring.dashboards.dashboards import DASHBOARDS
from monitoring.dashboards.model import Dashboard, Panel
from monitoring.dashboards.page import PAGE
from tests.cluster.issuing import forwarded, issuer_of
from tests.cluster.kube import Kube, steady_load
from tests.cluster.prometheus import SERVER, SPACE, STORE_BESIDE, Prometheus, prometheus_of
from tests.cluster.shop import Shop, job_from
from tests.cluster.working import again_and_again, orders

pytestmark = [pytest.mark.usefixtures("observability"), pytest.mark.serial, pytest.mark.concept("H12")]

PANELS = [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.panels()]
IDS = [f"{dashboard.name}: {panel.title}" for dashboard, panel in PANELS]
STORES = {"prometheus": SERVER, "victoria-metrics": STORE_BESIDE}
FILLED_SECONDS = 240
"""A few scrapes, a rule's evaluation, the minute's mean of the three days, and what writes to the other store."""
PAUSE_SECONDS = 5
NO_METRIC = {"and", "or", "unless", "bool", "offset"}
"""Words between expressions."""


@dataclass(frozen=True)
class AtWork:
    """The stores while the shop is under load, and which queries gave nothing in time."""

    stores: dict[str, Prometheus]
    empty: dict[str, set[str]]


@pytest.fixture(scope="module")
def at_work(kube: Kube, shop: Shop, outputs: dict[str, Any]) -> Iterator[AtWork]:
    """The shop does all that it can do, until every query has an answer or the time is over."""
    if "observability" not in outputs["namespaces"]:
        pytest.skip("needs the stack's observability")
    with ExitStack() as opened:
        stores = {name: opened.enter_context(prometheus_of(kube, server)) for name, server in STORES.items()}
        opened.enter_context(steady_load(f"{shop.url}/api/products?size=5", clients=2, pause=0.1))
        opened.enter_context(again_and_again(orders(shop)))
        issuer = opened.enter_context(issuer_of(kube, outputs))
        opened.enter_context(again_and_again(lambda: issuer.answer(next(iter(issuer.clients)))))
        job_from(kube, "shop", "report")
        yield AtWork(stores, {name: _empty(store) for name, store in stores.items()})


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(("dashboard", "panel"), PANELS, ids=IDS)
def test_a_panel_has_data_in_both_stores(at_work: AtWork, dashboard: Dashboard, panel: Panel, store: str) -> None:
    assert panel.query not in at_work.empty[store], f"{store} has nothing for {panel.query}"


@pytest.mark.concept("H5")
def test_every_rule_runs_and_what_it_reads_is_there(at_work: AtWork) -> None:
    """A recording rule gives series; of an alert, which gives some only when it fires, what it looks at is there."""
    prometheus = at_work.stores["prometheus"]
    rules = prometheus.rules()
    assert {rule.kind for rule in rules} == {"recording", "alerting"}
    assert [rule for rule in rules if rule.health != "ok"] == []
    records = {rule.name for rule in rules if rule.kind == "recording"}
    assert [name for name in sorted(records) if not prometheus.instant(name)] == []
    read = set().union(*(metrics_of(rule.query) for rule in rules))
    assert [name for name in sorted(read) if not prometheus.instant(f"group({name})")] == []


def test_the_page_of_the_other_store_lists_every_dashboard(kube: Kube) -> None:
    """What vmui itself asks for when its tab of dashboards is opened."""
    with forwarded(kube, SPACE, *STORE_BESIDE) as port:
        url = f"http://127.0.0.1:{port}/vmui/custom-dashboards"
        shown = httpx.get(url, trust_env=False, timeout=15).raise_for_status().json()
    assert [one["title"] for one in shown["dashboardsSettings"]] == [one.title for one in DASHBOARDS]


@pytest.mark.parametrize("name", PAGE)
def test_the_shop_s_own_page_gets_the_numbers_of_its_graphs(at_work: AtWork, shop: Shop, name: str) -> None:
    """By its name alone, through the gateway, past the policies: web asks Prometheus."""
    answer = shop.http.get(f"{shop.url}/status/series", params={"name": name})
    assert answer.status_code == 200, answer.text
    lines = answer.json()["lines"]
    assert lines
    assert all(any(value is not None for value in line["values"]) for line in lines)


def test_a_visitor_cannot_ask_prometheus_anything_else(at_work: AtWork, shop: Shop) -> None:
    for name, status in (("up", 404), ("sum(up)", 422), ("requests{}", 422)):
        answer = shop.http.get(f"{shop.url}/status/series", params={"name": name, "query": "up"})
        assert answer.status_code == status, answer.text


def metrics_of(expression: str) -> set[str]:
    """The metrics that a PromQL expression reads: its names that are no functions, labels, words or texts."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]', " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w.:])([a-zA-Z_][\w:]*)(?!\s*\()(?![\w:])", bare)
    return {name for name in names if name not in NO_METRIC}


def _empty(store: Prometheus) -> set[str]:
    """The panels' queries to which the store still has no answer when the time is over."""
    waiting, until = {panel.query for _, panel in PANELS}, time.monotonic() + FILLED_SECONDS
    while True:
        waiting = {query for query in waiting if not store.instant(query)}
        if not waiting or time.monotonic() > until:
            return waiting
        time.sleep(PAUSE_SECONDS)
