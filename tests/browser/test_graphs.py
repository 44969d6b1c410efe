"""The graphs that a visitor sees on the shop's own page, and the dashboards on VictoriaMetrics' page."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from monitoring.dashboards.dashboards import DASHBOARDS
from monitoring.dashboards.page import PAGE
from monitoring.dashboards.shop import SHOP
from tests.browser.test_page import PATIENCE_MILLISECONDS, SCREENSHOTS
from tests.cluster.issuing import forwarded
from tests.cluster.kube import Kube
from tests.cluster.shop import Shop
from tests.cluster.working import again_and_again, orders

pytestmark = pytest.mark.usefixtures("observability")

DRAWN_MILLISECONDS = 90_000
"""Four scrapes, and the page's next look."""
WIDTH = 1280


@pytest.fixture(autouse=True)
def observability(outputs: dict[str, Any]) -> None:
    """Without it the page says that there are no graphs, which services/web/tests look at."""
    if "observability" not in outputs["namespaces"]:
        pytest.skip("needs the stack's observability")


@pytest.fixture
def visited(browser: Browser, shop: Shop) -> Iterator[Page]:
    """The shop's page, while somebody orders."""
    opened = browser.new_page(viewport={"width": WIDTH, "height": 1000})
    opened.set_default_timeout(PATIENCE_MILLISECONDS)
    with again_and_again(orders(shop)):
        opened.goto(f"{shop.url}/#graphs")
        yield opened
    opened.close()


@pytest.mark.concept("H12")
def test_the_page_draws_a_graph_for_each_of_its_queries(visited: Page) -> None:
    """Each has a line, and a table that says the same."""
    for name in PAGE:
        graph = visited.locator(f'[data-testid="graph"][data-graph="{name}"]')
        expect(graph).to_have_attribute("data-state", "drawn", timeout=DRAWN_MILLISECONDS)
        lines = graph.get_by_test_id("graph-line")
        expect(lines.first).to_be_attached()
        graph.get_by_text("As a table").click()
        expect(graph.get_by_test_id("graph-table").locator("tbody tr")).to_have_count(lines.count())
        graph.get_by_text("As a table").click()
    expect(visited.get_by_test_id("graphs-state")).to_have_attribute("data-live", "true")
    visited.locator("#graphs").scroll_into_view_if_needed()
    _picture(visited, "graphs.png")


def test_the_graphs_fit_a_phone(visited: Page) -> None:
    visited.set_viewport_size({"width": 380, "height": 800})
    expect(visited.get_by_test_id("graph-line").first).to_be_attached(timeout=DRAWN_MILLISECONDS)
    assert visited.evaluate("document.documentElement.scrollWidth") <= 380


@pytest.mark.concept("H12")
def test_a_dashboard_is_drawn_where_there_is_no_grafana(browser: Browser, kube: Kube, shop: Shop) -> None:
    """VictoriaMetrics' page has a tab for each dashboard, and draws panels of the first one, each with its lines."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 1100})
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    with again_and_again(orders(shop)), forwarded(kube, "observability", "pod/victoria-metrics-0", 8428) as port:
        page.goto(f"http://127.0.0.1:{port}/vmui/#/dashboards")
        for dashboard in DASHBOARDS:
            expect(page.locator(".vm-predefined-panels-tabs__tab", has_text=dashboard.title).first).to_be_visible()
        for panel in SHOP.panels()[:2]:
            shown = page.locator(".vm-predefined-panel", has_text=panel.title).first
            expect(shown.locator("canvas").first).to_be_visible(timeout=DRAWN_MILLISECONDS)
            expect(shown.locator(".vm-legend-item").first).to_be_visible(timeout=DRAWN_MILLISECONDS)
        expect(page.locator(".vm-spinner")).to_have_count(0)
        expect(page.locator(".vm-alert_error")).to_have_count(0)
        _picture(page, "dashboard.png")
    page.close()


def _picture(page: Page, name: str) -> None:
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        page.screenshot(path=str(Path(folder) / name))
