"""Paths: one meaning, or refused."""

import pytest

from app.paths import normalized
from blueprint_kit.problems import Problem


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"/api/products", "/api/products"),
        (b"/api/products/", "/api/products/"),
        (b"/api/%70roducts", "/api/products"),
        (b"/api/a%2fb", "/api/a%2Fb"),
        (b"/api/a%20b", "/api/a%20b"),
        (b"/api/%C3%A4", "/api/%C3%A4"),
        (b"/api/a..b", "/api/a..b"),
        (b"/api/%252e%252e", "/api/%252e%252e"),
    ],
)
def test_equal_paths_become_one(raw: bytes, path: str) -> None:
    assert normalized(raw) == path


@pytest.mark.parametrize(
    "raw",
    [
        b"/api/../admin",
        b"/api/%2e%2E/admin",
        b"/api/.",
        b"/api/..",
        b"//api",
        b"/api//products",
        b"/api/a\\b",
        b"/api/a%5cb",
        b"/api/%00",
        b"/api/%0d%0aX:1",
        b"/api/%7f",
        b"/api/%",
        b"/api/%zz",
        b"api",
        b"*",
        b"",
    ],
)
def test_ambiguous_paths_are_refused(raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        normalized(raw)
    assert refused.value.status_code == 400
