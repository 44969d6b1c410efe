"""What is remembered, and what a refresh makes of it."""

from decimal import Decimal
from typing import Any

import pytest

from toolchain.kubernetes_plugin import metadata, state
from toolchain.kubernetes_plugin.values import Secret


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("500m", "0.5"),
        ("1Ki", 1024),
        ("2G", 2_000_000_000),
        (3, 3),
        ("1e3", 1000),
        ("abc", None),
        (True, None),
    ],
)
def test_quantity(text: Any, number: Any) -> None:
    assert state.quantity(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("inputs", "live", "expected"),
    [
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2}),
        ({"cpu": "1000m"}, {"cpu": "1"}, {"cpu": "1000m"}),
        ({"a": "x"}, {}, {}),
        ({"a": {}}, {}, {"a": {}}),
        ({"a": Secret("x")}, {"a": "y"}, {"a": Secret("y")}),
        ({"l": ["a"]}, {"l": ["a", "b"]}, {"l": ["a", "b"]}),
        ({"l": [{"name": "b", "v": 1}]}, {"l": [{"name": "a"}, {"name": "b", "v": 2}]}, {"l": [{"name": "b", "v": 2}]}),
        ({"l": [{"name": "gone"}]}, {"l": [{"name": "a"}]}, {"l": []}),
    ],
)
def test_refreshed(inputs: Any, live: Any, expected: Any) -> None:
    assert state.refreshed(inputs, live) == expected


def test_all_data_of_a_secret_is_secret_in_the_checkpoint() -> None:
    live = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA=="}}
    outputs = state.checkpoint({"stringData": {"a": "x"}}, live, "m", "v1")
    assert outputs["data"] == Secret({"a": "eA=="})
    assert outputs[state.FIELD_MANAGER] == "m"


def test_importable_leaves_out_what_the_server_wrote() -> None:
    live = {
        "metadata": {"name": "a", "uid": "1", "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {},
        "status": {},
    }
    assert state.importable(live) == {"metadata": {"name": "a"}, "spec": {}}


URN = "urn:pulumi:s::p::a:b:C$kubernetes:apps/v1:Deployment::web"


def test_type_and_name_of_a_urn() -> None:
    assert metadata.type_of(URN) == ("apps/v1", "Deployment")
    assert metadata.type_of("urn:pulumi:s::p::kubernetes:core/v1:ConfigMap::x") == ("v1", "ConfigMap")
    assert metadata.urn_name(URN) == "web"


def test_the_same_seed_gives_the_same_name() -> None:
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    metadata.assign_name(one, URN, b"seed")
    metadata.assign_name(other, URN, b"seed")
    assert one == other
    assert metadata.annotated_true(one, metadata.AUTONAMED)


def test_a_name_from_the_project_s_auto_naming_is_used() -> None:
    object_: dict[str, Any] = {}
    metadata.assign_name(object_, URN, b"", "proposed")
    assert metadata.name_of(object_) == "proposed"


def test_a_given_name_is_not_adopted_from_before() -> None:
    new: dict[str, Any] = {"metadata": {"name": "mine"}}
    metadata.adopt_name(new, {"metadata": {"name": "old", "annotations": {metadata.AUTONAMED: "true"}}})
    assert metadata.name_of(new) == "mine"


def test_identifiers() -> None:
    assert metadata.split_identifier("ns/name") == ("ns", "name")
    assert metadata.split_identifier("name") == ("", "name")
