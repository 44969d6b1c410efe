"""The checker of values itself: it finds what breaks the chart's schema, and says what it does not know."""

from typing import Any

import pytest
import yaml

from infra.shop.service import CHART
from tests.program.schema import problems

SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text())
GOOD = {
    "image": f"registry:5000/catalog@sha256:{'0' * 64}",
    "version": "1.0.0",
    "component": "service",
    "partOf": "blueprint",
    "replicas": 2,
}


def test_good_values_are_valid() -> None:
    assert problems(GOOD, SCHEMA) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"replica": 2}, "/replica: unknown"),
        ({"image": "registry/catalog:1.0"}, "/image: "),
        ({"replicas": "2"}, '/replicas: "2" is no integer'),
        ({"replicas": True}, "/replicas: true is no integer"),
        ({"replicas": 0}, "/replicas: 0 is less than 1"),
        ({"replicas": 51}, "/replicas: 51 is more than 50"),
        ({"component": "migration"}, "/component: "),
        ({"env": {"port": "1"}}, "/env/port: "),
        ({"env": {"PORT": 1}}, "/env/PORT: 1 is no string"),
        ({"secrets": [{"name": "one"}]}, "/secrets/0: "),
        ({"secrets": [{"name": "one", "path": "/a", "checksum": "x" * 129}]}, "/secrets/0/checksum: "),
        ({"nodePort": 8080}, "/nodePort: 8080 is none of"),
        ({"autoscaling": {"minReplicas": 2}}, "/autoscaling/minReplicas: needs"),
        ({"migration": {"args": []}}, "/migration/args: [] has fewer items than 1"),
        ({"topologySpread": {"whenUnsatisfiable": "Maybe"}}, "/topologySpread/whenUnsatisfiable: "),
    ],
)
def test_each_bad_value_is_found_at_its_place(change: dict[str, Any], place: str) -> None:
    (problem,) = problems(GOOD | change, SCHEMA)
    assert problem.startswith(place)


def test_a_missing_value_is_found() -> None:
    (problem,) = problems({key: value for key, value in GOOD.items() if key != "image"}, SCHEMA)
    assert "lacks some of" in problem


def test_an_unknown_keyword_is_not_passed_over() -> None:
    with pytest.raises(NotImplementedError, match="oneOf"):
        problems({}, {"oneOf": []})
