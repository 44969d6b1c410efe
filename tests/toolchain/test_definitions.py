"""The kinds that edge routing adds to the API, out of the modules that Contour is built from."""

from pathlib import Path

import pytest
import yaml

from toolchain import definitions
from toolchain.errors import ToolchainError


def definition(name: str) -> dict[str, object]:
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "creationTimestamp": None, "annotations": {"approved": "yes"}},
        "spec": {
            "versions": [
                {
                    "schema": {
                        "description": "what it is",
                        "properties": {"description": {"type": "string", "description": "a field of that name"}},
                    }
                }
            ]
        },
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "definitions.yaml"
    path.write_text("---\n" + yaml.safe_dump_all([definition("ones"), definition("twos"), definition("threes")]))
    return path


def test_only_what_is_asked_for_is_taken_in_that_order(file: Path) -> None:
    assert [one["metadata"]["name"] for one in definitions.chosen([file], ["threes", "ones"])] == ["threes", "ones"]


def test_texts_for_readers_go_and_a_field_of_that_name_stays(file: Path) -> None:
    (one,) = definitions.chosen([file], ["ones"])
    assert one["spec"]["versions"] == [{"schema": {"properties": {"description": {"type": "string"}}}}]
    assert one["metadata"] == {"name": "ones", "annotations": {"approved": "yes"}}


def test_a_kind_that_no_file_has_is_named(file: Path) -> None:
    with pytest.raises(ToolchainError, match="fours"):
        definitions.chosen([file], ["ones", "fours"])


def test_a_file_that_the_module_does_not_ship_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"absent\.yaml"):
        definitions.chosen([tmp_path / "absent.yaml"], ["ones"])
