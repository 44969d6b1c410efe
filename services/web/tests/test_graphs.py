"""The file of graphs: what it may say."""

import json
from typing import Any

import pytest
from prometheus_server import GRAPHS, graphs_file

from app.graphs import MOST_GRAPHS, parse_graphs
from blueprint_kit.settings import SettingsError


def test_a_good_file_is_taken() -> None:
    first, second = parse_graphs(graphs_file())
    assert (first.name, first.by) == ("requests", ("service",))
    assert second.by == ()


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"name": "Requests"}, "graphs.0.name"),
        ({"name": "a/b"}, "graphs.0.name"),
        ({"query": ""}, "graphs.0.query"),
        ({"by": ["a b"]}, "graphs.0.by.0"),
        ({"title": None}, "graphs.0.title"),
        ({"colour": "red"}, "graphs.0.colour"),
    ],
)
def test_a_bad_line_is_named(changed: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingsError, match=place):
        parse_graphs(graphs_file([GRAPHS[0] | changed]))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "JSON"),
        ("[]", "the file of graphs"),
        (json.dumps({}), "graphs"),
        (graphs_file([GRAPHS[0]] * 2), "once"),
        (graphs_file([GRAPHS[0] | {"name": f"g{n}"} for n in range(MOST_GRAPHS + 1)]), "at most 12"),
    ],
)
def test_another_file_is_refused(text: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule):
        parse_graphs(text)
