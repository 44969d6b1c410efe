"""The file of the edges: what it means, and what is refused."""

import pytest
from conftest import EDGES

from app.edges import parse_edges
from blueprint_kit.settings import SettingsError


def test_edges_are_in_the_files_order() -> None:
    first, *_ = parse_edges(EDGES)
    assert (first.origin, first.target, first.protocol) == ("gateway.edge", "catalog.shop", "HTTP")
    assert len(parse_edges(EDGES)) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the topology file='None'"),
        ("edges: [", "must be YAML"),
        ("{}", "edges=.*Field required"),
        ("edges: [{from: gateway.edge, protocol: HTTP}]", "edges.0.to=.*Field required"),
        ("edges: [{from: gateway, to: a.b, protocol: HTTP}]", "edges.0.from='gateway'.*match pattern"),
        ("edges: [{from: A.edge, to: a.b, protocol: HTTP}]", "edges.0.from='A.edge'"),
        ("edges: [{from: a.b, to: a.b, protocol: ''}]", "edges.0.protocol=''"),
        ("edges: [{from: a.b, to: a.b, protocol: HTTP, port: 80}]", "edges.0.port='80'.*Extra inputs"),
        ("{edges: [], nodes: []}", "nodes=.*Extra inputs"),
    ],
)
def test_bad_file_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_edges(text)
