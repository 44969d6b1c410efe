"""A visitor browses, orders, and watches the order until it is confirmed."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cluster.shop import FINAL_SECONDS, Shop

SCREENSHOTS = "BLUEPRINT_SCREENSHOTS"
"""Where this names a folder, pictures of the page are put there: those in docs/ were made so."""
PATIENCE_MILLISECONDS = 15_000
BUSY = re.compile(r"Failed to load resource: the server responded with a status of 50[234] ")
"""The browser's own note where the shop is away or slow. The page asks again then: what it must show is tested."""


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """The shop's page, which must log no error of its own."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    opened.set_default_timeout(PATIENCE_MILLISECONDS)
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.goto(f"{shop.url}/")
    yield opened
    opened.close()
    assert [problem for problem in problems if not BUSY.match(problem)] == []


@pytest.mark.concept("A7", "B1")
def test_a_visitor_orders_and_sees_the_order_confirmed(page: Page, shop: Shop) -> None:
    """Browse a page further, put a product in the basket, order: the page shows it confirmed, with its receipt."""
    cards = page.get_by_test_id("product-card")
    expect(cards.first).to_be_visible()
    first = cards.first.get_attribute("data-sku")
    page.get_by_test_id("page-next").click()
    expect(cards.first).not_to_have_attribute("data-sku", str(first))
    cards.first.get_by_test_id("add-to-basket").click()
    expect(page.get_by_test_id("basket-count")).to_have_text("1")
    page.get_by_test_id("customer").fill("A Visitor")
    page.get_by_test_id("place-order").click()
    order = page.get_by_test_id("order").first
    expect(order.get_by_test_id("order-status")).to_have_text("Confirmed", timeout=FINAL_SECONDS * 1000)
    expect(page.get_by_test_id("receipt").first).to_be_visible(timeout=FINAL_SECONDS * 1000)
    identity = str(order.get_attribute("data-order"))
    assert shop.order(identity)["status"] == "confirmed"
    _picture(page, "order.png")


def test_the_topology_shows_the_pods_that_run(page: Page) -> None:
    """Each service and store is a node of the picture, with its pods."""
    nodes = page.get_by_test_id("topology-node")
    for name in ("gateway", "web", "catalog", "inventory", "orders", "payments", "notifications"):
        expect(nodes.and_(page.locator(f'[data-node="{name}"]'))).to_be_visible()
    assert page.get_by_test_id("topology-pod").count() >= 10
    page.get_by_test_id("topology").scroll_into_view_if_needed()
    _picture(page, "topology.png")


def test_the_page_fits_a_phone(page: Page) -> None:
    """At the width of a phone nothing is cut off at the side."""
    page.set_viewport_size({"width": 380, "height": 800})
    expect(page.get_by_test_id("product-card").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def _picture(page: Page, name: str) -> None:
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        page.screenshot(path=str(Path(folder) / name))
