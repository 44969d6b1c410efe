"""Which program is used, what its key depends on, and what a failed build leaves."""

import shutil
import stat
from pathlib import Path

import pytest

from toolchain import paths, programs
from toolchain.errors import ToolchainError
from toolchain.recipes import RECIPES, Recipe


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    programs.on_path.cache_clear()


def program_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: str) -> None:
    folder.mkdir()
    script = folder / name
    script.write_text(f"#!/bin/sh\necho '{answer}'\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.250.0", (3, 250, 0)),
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33, 0)),
        ("Client Version: v1.35.8\nKustomize Version: v5.5.0", (1, 35, 8)),
        ("no version", None),
    ],
)
def test_reads_the_version_in_a_programs_own_words(text: str, version: tuple[int, ...] | None) -> None:
    assert programs.parse_version(text) == version


def test_a_good_version_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program_on_path(tmp_path / "bin", monkeypatch, "kind", "kind v0.33.0 go1.26.8 linux/amd64")
    assert programs.ensure("kind") == tmp_path / "bin" / "kind"


@pytest.mark.parametrize("answer", ["kind v0.32.9", "kind v0.34.0", "broken"])
def test_another_version_on_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    program_on_path(tmp_path / "bin", monkeypatch, "kind", answer)
    assert programs.on_path("kind") is None


def module(folder: Path, source: str) -> Recipe:
    folder.mkdir()
    (folder / "go.mod").write_text("module example\n\ngo 1.26\n")
    (folder / "main.go").write_text(source)
    return Recipe(str(folder), ".")


def test_builds_once_and_then_takes_it_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "example", module(tmp_path / "m", "package main\n\nfunc main() {}\n"))
    assert programs.at_hand("example") is None, "asking builds nothing"
    first = programs.build("example")
    assert programs.at_hand("example") == first
    written = first.stat().st_mtime_ns
    assert programs.build("example") == first
    assert first.stat().st_mtime_ns == written


def test_the_key_follows_the_modules_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "example", module(tmp_path / "m", "package main\n\nfunc main() {}\n"))
    before = programs.key("example")
    assert programs.key("example") == before
    (tmp_path / "m" / "main.go").write_text("package main\n\nfunc main() { println(1) }\n")
    assert programs.key("example") != before


def test_a_failed_build_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "example", module(tmp_path / "m", "package main\n\nfunc main() { nonsense }\n"))
    with pytest.raises(ToolchainError, match=r"undefined: nonsense[\s\S]*remedy: .*make up"):
        programs.build("example")
    assert list((paths.cache() / "programs").iterdir()) == []


def test_an_unknown_program_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ToolchainError, match="kube-apiserver"):
        programs.build("kube-apiservr")


def test_missing_go_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    programs._go.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ToolchainError, match="install Go"):
        programs._go()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_names_a_locked_module(name: str) -> None:
    folder = RECIPES[name].folder()
    assert (folder / "go.mod").is_file()
    assert (folder / "go.sum").is_file()
