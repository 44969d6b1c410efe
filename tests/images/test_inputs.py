"""An image's hash changes when, and only when, something that decides the image changes."""

import shutil
from pathlib import Path

import pytest

from images import inputs
from images.catalog import Kind, load
from toolchain import programs
from toolchain.errors import ToolchainError


@pytest.fixture(autouse=True)
def program_keys(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    keys: dict[str, str] = {}
    monkeypatch.setattr(programs, "key", lambda name: keys.get(name, f"key of {name}"))
    return keys


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the recipes that a test may change."""
    for file in inputs.RECIPES.rglob("*"):
        if file.is_file():
            target = tmp_path / file.relative_to(inputs.RECIPES)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
            target.chmod(file.stat().st_mode & 0o777)
    monkeypatch.setattr(inputs, "RECIPES", tmp_path)
    return tmp_path


def hashes() -> dict[str, str]:
    return {name: inputs.input_hash(name) for name in load()}


def services() -> set[str]:
    return {name for name, entry in load().items() if entry.kind is Kind.SERVICE}


def changed(before: dict[str, str]) -> set[str]:
    return {name for name, value in hashes().items() if value != before[name]}


def test_every_image_has_a_hash_of_its_own_that_stays() -> None:
    first = hashes()
    assert len(set(first.values())) == len(first)
    assert hashes() == first


def test_another_recipe_changes_its_image_and_those_made_from_it(recipes: Path) -> None:
    before = hashes()
    (recipes / "python" / "Dockerfile").write_text("FROM scratch\n")
    assert changed(before) == {"python", *services()}


def test_a_file_s_executable_bit_counts_and_its_time_does_not(recipes: Path) -> None:
    before = hashes()
    (recipes / "postgres" / "entrypoint").touch()
    assert changed(before) == set()
    (recipes / "postgres" / "entrypoint").chmod(0o644)
    assert changed(before) == {"postgres"}


def test_another_program_changes_its_image_and_the_node_that_contains_it(program_keys: dict[str, str]) -> None:
    before = hashes()
    program_keys["etcd"] = "another"
    assert changed(before) == {"etcd", "node"}


def test_the_builder_s_format_changes_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashes()
    monkeypatch.setattr(inputs, "FORMAT", inputs.FORMAT + 1)
    assert changed(before) == set(load())


def test_a_service_s_sources_count_and_its_tests_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = [f"{service}/{file}" for service in services() for file in ("app/main.py", "requirements.txt")]
    for place in ("Dockerfile", "kit/blueprint_kit/a.py", "gateway/app/tests/t.py", *own):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1")
    monkeypatch.setattr(inputs, "SERVICES", tmp_path)
    before = hashes()
    (tmp_path / "gateway/app/tests/t.py").write_text("2")
    assert changed(before) == set()
    (tmp_path / "gateway/app/main.py").write_text("2")
    assert changed(before) == {"gateway"}
    (tmp_path / "catalog/requirements.txt").write_text("2")
    assert changed(before) == {"gateway", "catalog"}
    places = [place for place, _ in inputs.files("gateway", load()["gateway"])]
    assert places == ["kit/blueprint_kit/a.py", "gateway/app/main.py", "Dockerfile", "gateway/requirements.txt"]


@pytest.mark.parametrize("shared", ["kit/blueprint_kit/problems.py", "Dockerfile"])
def test_what_services_share_counts_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: str) -> None:
    shutil.copytree(inputs.SERVICES, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "tests"))
    monkeypatch.setattr(inputs, "SERVICES", tmp_path)
    before = hashes()
    (tmp_path / shared).write_text("another")
    assert changed(before) == services()


def test_every_service_of_the_catalog_is_there_and_none_is_left_out() -> None:
    folders = {folder.parent.name for folder in inputs.SERVICES.glob("*/app")}
    assert folders == services() == {file.parent.name for file in inputs.SERVICES.glob("*/requirements.txt")}


def test_a_host_of_another_architecture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(ToolchainError, match="riscv64"):
        inputs.architecture()
