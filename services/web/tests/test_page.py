"""The page and its files: how they are served, and that they keep their own policy."""

import re
from pathlib import Path

import pytest
from blueprint_testing import is_problem
from conftest import Start

from app.assets import MEDIA_TYPES, STATIC, load_assets, same

PAGE = (STATIC / "index.html").read_text(encoding="utf-8")
FILES = sorted(path.name for path in STATIC.iterdir() if path.name != "index.html")
TEST_IDS = {
    "product-card",
    "add-to-basket",
    "basket-count",
    "basket-line",
    "basket-total",
    "customer",
    "place-order",
    "checkout-notice",
    "order",
    "order-status",
    "receipt",
    "page-next",
    "page-back",
    "stock",
    "topology",
    "topology-state",
    "topology-node",
    "topology-pod",
    "topology-edge",
    "graphs-state",
    "graph",
    "graph-line",
    "graph-note",
    "graph-table",
}


async def test_page_is_served_with_its_policy(start: Start) -> None:
    async with start() as service, service.client() as asking:
        response = await asking.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert not {"script-src", "style-src"} & policy.keys(), "nothing is allowed beyond it"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_each_file_is_served_as_what_it_is(start: Start) -> None:
    async with start() as service, service.client() as asking:
        for name in FILES:
            response = await asking.get(f"/static/{name}")
            assert response.status_code == 200
            assert response.headers["content-type"] == MEDIA_TYPES[Path(name).suffix]
            assert response.content == (STATIC / name).read_bytes()


@pytest.mark.parametrize("path", ["/", "/static/main.js"])
async def test_browser_asks_whether_its_copy_is_good(start: Start, path: str) -> None:
    async with start() as service, service.client() as asking:
        first = await asking.get(path)
        assert first.headers["cache-control"] == "no-cache"
        again = await asking.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        other = await asking.get(path, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.content) == (200, first.content)


async def test_head_has_the_length_and_no_body(start: Start) -> None:
    async with start() as service, service.client() as asking:
        response = await asking.head("/")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) == len(PAGE.encode())


@pytest.mark.parametrize("path", ["/static/none.js", "/static/", "/static/index.html", "/static/..%2fmain.py", "/none"])
async def test_nothing_else_is_served(start: Start, path: str) -> None:
    async with start() as service, service.client() as asking:
        is_problem(await asking.get(path), 404, "not-found")


async def test_page_can_only_be_read(start: Start) -> None:
    async with start() as service, service.client() as asking:
        is_problem(await asking.post("/", json={}), 405, "method-not-allowed")


def test_etag_is_of_the_content(tmp_path: Path) -> None:
    def etag(content: str) -> str:
        (tmp_path / "a.js").write_text(content)
        return load_assets(tmp_path)["a.js"].etag

    assert etag("one") != etag("two")
    assert etag("one") == etag("one")


@pytest.mark.parametrize(
    ("field", "expected"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False), ("", False)],
)
def test_etags_are_compared_weakly(field: str, expected: bool) -> None:
    assert same(field, '"a"') is expected


def test_page_has_no_script_or_style_in_its_text() -> None:
    assert re.findall(r"<script(?![^>]* src=)", PAGE) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", PAGE) == []


@pytest.mark.parametrize("name", ["index.html", *FILES])
def test_no_file_leads_outside(name: str) -> None:
    """But for the name of the SVG namespace, which nobody fetches."""
    text = (STATIC / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", text) == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_no_script_makes_markup_or_code_of_text(name: str) -> None:
    """The page's policy would stop it, in the visitor's browser."""
    text = (STATIC / name).read_text(encoding="utf-8")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []


def test_everything_that_is_named_is_there_and_used() -> None:
    used = set(re.findall(r'"/static/([^"]+)"', PAGE))
    for name in FILES:
        used |= set(re.findall(r'from "\./([^"]+)"', (STATIC / name).read_text(encoding="utf-8")))
    assert used == set(FILES)


def test_every_id_that_scripts_look_for_is_on_the_page() -> None:
    scripts = "".join((STATIC / name).read_text(encoding="utf-8") for name in FILES if name.endswith(".js"))
    wanted = set(re.findall(r'byId\("([^"]+)"\)', scripts))
    assert wanted
    assert wanted <= set(re.findall(r' id="([^"]+)"', PAGE))


def test_what_browser_tests_look_for_is_there() -> None:
    text = "".join((STATIC / name).read_text(encoding="utf-8") for name in ["index.html", *FILES])
    assert set(re.findall(r'data-testid"?[=:] ?"([^"]+)"', text)) >= TEST_IDS


async def test_page_works_while_the_kubernetes_api_is_away(start: Start) -> None:
    async with start() as service, service.client() as asking:
        is_problem(await asking.get("/topology"), 503, "kubernetes-unavailable")
        assert (await asking.get("/")).status_code == 200
