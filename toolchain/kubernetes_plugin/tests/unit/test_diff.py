"""Comparisons, paths, replacement."""

from typing import Any

import pytest

from toolchain.kubernetes_plugin.diff import compare, judge, parse_path, spell, touches
from toolchain.kubernetes_plugin.immutable import force_new
from toolchain.kubernetes_plugin.values import UNKNOWN, Secret


@pytest.mark.parametrize(
    "path",
    [("a", "b", 0, "c"), ("data", "key.with.dots"), ("a_b", "c-d"), ("metadata", "annotations", "pulumi.com/x")],
)
def test_a_path_survives_its_spelling(path: tuple[str | int, ...]) -> None:
    assert parse_path(spell(path)) == path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [(("a",), "UPDATE")]),
        ({}, {"a": 1}, [(("a",), "ADD")]),
        ({"a": 1}, {}, [(("a",), "DELETE")]),
        ({"a": [1, 2]}, {"a": [1]}, [(("a", 1), "DELETE")]),
        ({"a": 1}, {"a": UNKNOWN}, [(("a",), "UPDATE")]),
        ({"a": Secret(1)}, {"a": 1}, []),
        ({"a": True}, {"a": 1}, [(("a",), "UPDATE")]),
        ({"a": None}, {}, []),
    ],
)
def test_compare(old: Any, new: Any, expected: list[Any]) -> None:
    assert [(change.path, change.kind) for change in compare(old, new)] == expected


@pytest.mark.parametrize(
    ("path", "forced", "expected"),
    [
        (("spec", "selector", "matchLabels", "a"), "spec.selector", True),
        (("spec", "selector"), "spec.selector", True),
        (("spec",), "spec.selector", True),
        (("spec", "replicas"), "spec.selector", False),
    ],
)
def test_touches(path: tuple[str | int, ...], forced: str, expected: bool) -> None:
    assert touches(path, forced) is expected


def test_ignored_changes_do_not_count() -> None:
    verdict = judge({"data": {"a": 1}, "b": 1}, {"data": {"a": 2}, "b": 2}, ("data",), ["data"])
    assert [change.path for change in verdict.changes] == [("b",)]
    assert not verdict.replaces


def test_ignored_changes_may_have_a_star() -> None:
    old, new = {"c": [{"image": "a"}, {"image": "b"}]}, {"c": [{"image": "x"}, {"image": "y"}]}
    assert not judge(old, new, (), ["c[*].image"]).changes


def test_response_marks_replacing_properties() -> None:
    response = judge({"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, ("roleRef",), []).response()
    assert list(response.replaces) == ["roleRef.name"]
    assert response.detailedDiff["roleRef.name"].kind == 5  # UPDATE_REPLACE in provider.proto


@pytest.mark.parametrize(
    ("kind", "mutable", "immutable", "replaces"),
    [("ConfigMap", False, False, True), ("ConfigMap", True, False, False), ("ConfigMap", True, True, True)],
)
def test_data_of_a_config_map(kind: str, mutable: bool, immutable: bool, replaces: bool) -> None:
    object_ = {"apiVersion": "v1", "kind": kind, "immutable": immutable}
    assert ("data" in force_new(object_, mutable, mutable)) is replaces


def test_a_custom_resource_is_replaced_only_for_its_identity() -> None:
    assert force_new({"apiVersion": "cilium.io/v2", "kind": "Pod"}, False, False) == (
        "metadata.name",
        "metadata.namespace",
    )
