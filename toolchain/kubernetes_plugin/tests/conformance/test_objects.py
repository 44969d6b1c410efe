"""Create, update, replace, names, diffs."""

import re
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from toolchain.kubernetes_plugin.tests.conformance.conftest import World


def config_map(world: World, data: dict[str, str], name: str | None = "one", **more: Any) -> Any:
    def program() -> None:
        made = k8s.core.v1.ConfigMap("one", metadata=world.meta(name), data=data, opts=world.options(), **more)
        pulumi.export("name", made.metadata["name"])
        pulumi.export("uid", made.metadata["uid"])
        pulumi.export("id", made.id)

    return program


def test_create_makes_the_object_and_exports_its_live_fields(world: World) -> None:
    result = world.up(config_map(world, {"a": "1"}))
    assert result.outputs["id"].value == f"{world.namespace}/one"
    assert world.object("configmap", "one")["data"] == {"a": "1"}
    assert world.object("configmap", "one")["metadata"]["uid"] == result.outputs["uid"].value


def test_a_second_update_of_the_same_program_changes_nothing(world: World) -> None:
    world.up(config_map(world, {"a": "1"}))
    assert world.changes(world.up(config_map(world, {"a": "1"}))) == {"same": 3}


def test_data_of_a_named_config_map_is_replaced_delete_first(world: World) -> None:
    first = world.up(config_map(world, {"a": "1"})).outputs["uid"].value
    second = world.up(config_map(world, {"a": "2"}))
    assert second.outputs["uid"].value != first
    assert world.changes(second)["replace"] == 1
    assert world.object("configmap", "one")["data"] == {"a": "2"}


def test_data_of_a_mutable_config_map_is_updated_in_place(world: World) -> None:
    world.settings["enable_config_map_mutable"] = True
    first = world.up(config_map(world, {"a": "1", "b": "1"})).outputs["uid"].value
    second = world.up(config_map(world, {"a": "2"}))
    assert second.outputs["uid"].value == first
    assert world.object("configmap", "one")["data"] == {"a": "2"}


def test_auto_name_has_eight_hexadecimal_digits_and_its_mark(world: World) -> None:
    name = world.up(config_map(world, {"a": "1"}, name=None)).outputs["name"].value
    assert re.fullmatch(r"one-[0-9a-f]{8}", name)
    assert world.object("configmap", name)["metadata"]["annotations"]["pulumi.com/autonamed"] == "true"


def test_auto_name_stays_on_update(world: World) -> None:
    world.settings["enable_config_map_mutable"] = True
    first = world.up(config_map(world, {"a": "1"}, name=None)).outputs["name"].value
    assert world.up(config_map(world, {"a": "2"}, name=None)).outputs["name"].value == first


def test_auto_named_object_is_replaced_create_first_under_a_new_name(world: World) -> None:
    first = world.up(config_map(world, {"a": "1"}, name=None)).outputs["name"].value
    second = world.up(config_map(world, {"a": "2"}, name=None)).outputs["name"].value
    assert first != second
    assert not world.exists("configmap", first)
    assert world.exists("configmap", second)
