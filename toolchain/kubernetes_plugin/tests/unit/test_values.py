"""The wire: what goes in comes out, secrets stay secret."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import struct_pb2

from toolchain.kubernetes_plugin import values
from toolchain.kubernetes_plugin.values import UNKNOWN, Asset, Secret


@pytest.mark.parametrize(
    "value", [1, 2.5, "text", True, False, [], {}, [1, "a", {"b": 2}], Secret({"a": [1]}), UNKNOWN]
)
def test_a_value_survives_the_wire(value: Any) -> None:
    assert values.decode(values.encode({"v": value})) == {"v": value}


def test_a_whole_number_stays_an_integer() -> None:
    assert isinstance(values.decode(values.encode({"v": 80}))["v"], int)


def test_nulls_are_dropped() -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": None, "b": 1})
    assert values.decode(struct) == {"b": 1}


def test_an_output_value_that_is_unknown() -> None:
    struct = struct_pb2.Struct()
    struct.update({"o": {values.SIGNATURE: values.OUTPUT}})
    assert values.decode(struct) == {"o": UNKNOWN}


def test_an_asset_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("content")
    struct = struct_pb2.Struct()
    struct.update({"a": {values.SIGNATURE: values.ASSET, "path": str(tmp_path / "f"), "hash": "h"}})
    asset = values.decode(struct)["a"]
    assert (asset.text, asset.digest) == ("content", "h")


def test_assets_are_compared_by_digest() -> None:
    assert Asset("same", "text") == Asset("same")
    assert Asset("one") != Asset("other")


def test_a_remote_asset_is_refused() -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": {values.SIGNATURE: values.ASSET, "uri": "https://example.com"}})
    with pytest.raises(ValueError, match="remote"):
        values.decode(struct)


def test_plain_unwraps_nested_secrets_and_keeps_unknowns() -> None:
    assert values.plain({"a": Secret({"b": Secret(1)}), "c": UNKNOWN}) == {"a": {"b": 1}, "c": UNKNOWN}


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"a": [1, UNKNOWN]}, True), (Secret({"a": UNKNOWN}), True), ({"a": [1]}, False)],
)
def test_unknowns_are_found(value: Any, expected: bool) -> None:
    assert values.has_unknown(value) is expected


def test_secrets_are_marked_where_the_inputs_are_secret() -> None:
    marked = values.keep_secrets({"a": {"b": 1, "c": 2}, "l": [1, 2]}, {"a": {"b": Secret(9)}, "l": [Secret(0)]})
    assert marked == {"a": {"b": Secret(1), "c": 2}, "l": [Secret(1), 2]}


def test_extension_names_are_translated_both_ways() -> None:
    schema = {"schema": Secret({"x_kubernetes_int_or_string": True})}
    renamed = values.to_kubernetes(schema)
    assert renamed == {"schema": Secret({"x-kubernetes-int-or-string": True})}
    assert values.to_pulumi(renamed) == schema
