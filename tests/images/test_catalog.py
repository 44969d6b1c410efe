"""The catalog is checked as a whole before anything is built."""

import re

import pytest

from images import catalog, docker, inputs
from images.catalog import Kind
from toolchain.errors import ToolchainError
from toolchain.recipes import KUBERNETES_VERSION

ONE = '[one]\nkind = "root file system"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("one = ", "Invalid value"),
        ('[one]\nkind = "paper"', "Input should be"),
        (ONE + "colour = 1", "Extra inputs are not permitted"),
        (ONE + 'upstream = "noregistry"', "String should match pattern"),
        (ONE + 'upstream = "a.b/c:1@sha256:123"', "String should match pattern"),
        (ONE + 'bases = ["two"]', "image 'one' needs 'two', which the catalog has not"),
        (ONE + 'programs = ["word"]', "holds the program 'word'"),
        (ONE + 'bases = ["one"]', "one → one: an image needs itself"),
        (ONE + 'sources = { a = "no-folder" }', "not of the form module//folder"),
        ('[One]\nkind = "root file system"', "image name 'One'"),
        ('[one]\nkind = "static program"', "exactly one program"),
        ('[one]\nkind = "node"', "exactly one base"),
        (ONE + "user = 5", "for a static program"),
    ],
)
def test_a_catalog_that_is_not_valid_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ToolchainError) as refused:
        catalog.parse(text)
    assert problem in refused.value.value
    assert refused.value.remedy


def test_an_unknown_image_is_refused_with_the_known_names() -> None:
    with pytest.raises(ToolchainError, match="postgres"):
        catalog.entry("postgre")


def test_the_order_puts_every_image_after_what_it_needs() -> None:
    entries = catalog.load()
    order = catalog.in_order(entries, entries)
    assert sorted(order) == sorted(entries)
    for name in order:
        assert all(order.index(needed) < order.index(name) for needed in entries[name].needs())


def test_every_dockerfile_is_there_and_names_every_base() -> None:
    for name, entry in catalog.load().items():
        if entry.kind is Kind.DOCKERFILE:
            text = (inputs.RECIPES / name / "Dockerfile").read_text()
            assert [base for base in entry.bases if f"${{{base.upper().replace('-', '_')}}}" not in text] == [], name


def test_no_recipe_is_left_without_an_entry() -> None:
    recipes = {folder.name for folder in inputs.RECIPES.iterdir()}
    assert recipes <= {name for name, entry in catalog.load().items() if entry.kind is Kind.DOCKERFILE}


def test_the_node_s_images_are_of_the_version_that_is_built() -> None:
    contained = catalog.entry("node").contains
    versions = {name: fixed.rpartition(":")[2] for name, fixed in contained.items()}
    components = [name for name in contained if name.startswith("kube-")]
    assert {versions[name] for name in components} == {KUBERNETES_VERSION}
    assert f'"{contained["pause"]}"' in (inputs.RECIPES / "node-base" / "adapt").read_text()


def test_a_failed_build_names_its_step_and_its_last_lines() -> None:
    output = "Step 1/2 : FROM debian\n ---> 1\nStep 2/2 : RUN apt-get install nothing\nE: Unable to locate nothing\n"
    assert docker.describe(output).startswith("Step 2/2 : RUN apt-get install nothing\n")
    assert docker.describe(output).endswith("E: Unable to locate nothing")
    assert re.match("before its first step", docker.describe("Cannot connect"))
