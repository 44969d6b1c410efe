"""The route table: what it finds, and what it refuses."""

import pytest

from app.table import Route, Table, parse_table
from blueprint_kit.settings import SettingsError

GOOD = "{path: /api/products, upstream: 'http://catalog.shop/products'}"


@pytest.fixture
def table() -> Table:
    return Table(
        routes=(
            Route(path="/api", upstream="http://web.edge"),
            Route(path="/api/products", upstream="http://catalog.shop/products/"),
            Route(path="/api/products/new", upstream="https://catalog.shop:8443/v2"),
        )
    )


@pytest.mark.parametrize(
    ("path", "origin", "target"),
    [
        ("/api/products", "http://catalog.shop", "/products"),
        ("/api/products/", "http://catalog.shop", "/products/"),
        ("/api/products/A-1", "http://catalog.shop", "/products/A-1"),
        ("/api/products/new", "https://catalog.shop:8443", "/v2"),
        ("/api/products/newer", "http://catalog.shop", "/products/newer"),
        ("/api/productsx", "http://web.edge", "/productsx"),
        ("/api", "http://web.edge", "/"),
    ],
)
def test_longest_whole_segments_win(table: Table, path: str, origin: str, target: str) -> None:
    route = table.find(path)
    assert route is not None
    assert (route.origin, route.target(path)) == (origin, target)


@pytest.mark.parametrize(
    ("path", "upstream", "target"),
    [
        ("/", "http://web.edge", "/"),
        ("/", "http://web.edge/shop", "/shop/"),
        ("/static/main.js", "http://web.edge", "/static/main.js"),
        ("/static/", "http://web.edge/shop/", "/shop/static/"),
    ],
)
def test_root_serves_everything(path: str, upstream: str, target: str) -> None:
    route = Table(routes=(Route(path="/", upstream=upstream),)).find(path)
    assert route is not None
    assert route.target(path) == target


def test_root_yields_to_longer_paths() -> None:
    table = Table(routes=(Route(path="/", upstream="http://web.edge"), Route(path="/a", upstream="http://a.shop")))
    found = [table.find(path) for path in ("/a", "/a/b", "/ab", "/")]
    assert [route.path for route in found if route] == ["/a", "/a", "/", "/"]


@pytest.mark.parametrize("path", ["/", "/ap", "/apix", "/other"])
def test_other_paths_have_no_route(table: Table, path: str) -> None:
    assert table.find(path) is None


def test_defaults_are_read_only() -> None:
    (route,) = parse_table(f"routes: [{GOOD}]").routes
    assert route.methods == ("GET", "HEAD")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the route table"),
        ("[]", "the route table"),
        ("routes: []", "routes=.*at least 1 item"),
        ("routes: [", "must be YAML"),
        (f"routes: [{GOOD}, {GOOD}]", "each path must stand once; twice: /api/products"),
        ("routes: [{path: /a}]", "routes.0.upstream.*Field required"),
        ("routes: [{path: a, upstream: 'http://x'}]", "routes.0.path='a'.*match pattern"),
        ("routes: [{path: /a/, upstream: 'http://x'}]", "routes.0.path='/a/'.*match pattern"),
        ("routes: [{path: //, upstream: 'http://x'}]", "routes.0.path='//'.*match pattern"),
        ("routes: [{path: '', upstream: 'http://x'}]", "routes.0.path=''.*match pattern"),
        ("routes: [{path: /a//b, upstream: 'http://x'}]", "routes.0.path"),
        ("routes: [{path: /a, upstream: catalog}]", "routes.0.upstream='catalog'.*must be an http or https URL"),
        ("routes: [{path: /a, upstream: 'ftp://x'}]", "must be an http or https URL"),
        ("routes: [{path: /a, upstream: 'http://x/?q=1'}]", "must have no query"),
        ("routes: [{path: /a, upstream: 'http://u@x/'}]", "must have no query, fragment, user"),
        ("routes: [{path: /a, upstream: 'http://x', method: [GET]}]", "routes.0.method.*Extra inputs"),
        ("routes: [{path: /a, upstream: 'http://x', methods: [BREW]}]", "routes.0.methods.0='BREW'"),
        ("routes: [{path: /a, upstream: 'http://x', methods: []}]", "routes.0.methods"),
        ("routes: [{path: /a, upstream: 'http://x', timeout_seconds: 0}]", "routes.0.timeout_seconds=.*greater than 0"),
        ("routes: [{path: /a, upstream: 'http://x', body_limit_bytes: -1}]", "routes.0.body_limit_bytes"),
    ],
)
def test_bad_table_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_table(text)
