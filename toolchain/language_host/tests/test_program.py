"""Which Python runs a program, with which environment and arguments, and which providers it needs."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from toolchain.language_host import packages
from toolchain.language_host.packages import Required
from toolchain.language_host.program import OptionError, Program, environment, run_arguments, run_environment


def program(root: Path, **options: Any) -> Program:
    return Program(root=root, folder=root, entry_point=".", options=options)


def test_without_options_the_host_s_own_python_runs_the_program(tmp_path: Path) -> None:
    assert program(tmp_path).virtualenv() is None
    assert program(tmp_path).python("/usr/bin/python3") == "/usr/bin/python3"
    assert environment(program(tmp_path), {"ONE": "1"}) == dict(os.environ) | {"ONE": "1"}


@pytest.mark.parametrize(
    "options", [{"virtualenv": ".venv"}, {"toolchain": "uv"}, {"virtualenv": ".venv", "toolchain": "pip"}]
)
def test_a_virtual_environment_is_relative_to_the_project_and_its_python_runs_the_program(
    tmp_path: Path, virtualenv: Callable[[], Path], options: Mapping[str, Any]
) -> None:
    folder = virtualenv()
    assert program(tmp_path, **options).virtualenv() == folder
    assert program(tmp_path, **options).python("/usr/bin/python3") == str(folder / "bin" / "python")


def test_a_virtual_environment_is_active_for_the_program(
    tmp_path: Path, virtualenv: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `activate` does it: first on PATH, and no PYTHONHOME that would lead to another library."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("PYTHONHOME", "/usr")
    folder = virtualenv()
    found = environment(program(tmp_path, virtualenv=".venv"), {})
    assert found["VIRTUAL_ENV"] == str(folder)
    assert found["PATH"] == f"{folder / 'bin'}:/usr/bin"
    assert "PYTHONHOME" not in found


def test_what_the_call_brings_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", "old")
    assert environment(program(tmp_path), {"PULUMI_CONFIG": "new"})["PULUMI_CONFIG"] == "new"


def test_a_missing_virtual_environment_is_told_with_its_place_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(OptionError) as refused:
        program(tmp_path, virtualenv="venv").virtualenv()
    assert f"virtualenv='venv': there is no {tmp_path / 'venv' / 'bin' / 'python'}" in str(refused.value)
    assert "make it" in str(refused.value)


def test_an_unknown_toolchain_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="toolchain='poetry': it is one of pip, uv"):
        program(tmp_path, toolchain="poetry").virtualenv()


def test_arguments_are_flags_with_the_entry_point_last_and_without_empty_values() -> None:
    values: dict[str, str | int | bool] = {"monitor": "127.0.0.1:1", "organization": "", "dry_run": True, "parallel": 0}
    assert run_arguments(values, ".") == ["--monitor", "127.0.0.1:1", "--dry_run", "true", "--parallel", "0", "."]


def test_configuration_is_handed_on_as_json() -> None:
    found = run_environment({"a:b": "1"}, ["a:c"])
    assert json.loads(found["PULUMI_CONFIG"]) == {"a:b": "1"}
    assert json.loads(found["PULUMI_CONFIG_SECRET_KEYS"]) == ["a:c"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"resource": True, "name": "kubernetes", "version": "4.34.2"}, Required("kubernetes", "v4.34.2")),
        ({"resource": True, "name": "kubernetes", "version": "v4.34.2"}, Required("kubernetes", "v4.34.2")),
        ({"resource": True, "name": "one"}, Required("one", "")),
        ({"resource": True, "name": "one", "server": "https://a.test"}, Required("one", "", "https://a.test")),
        ({"resource": False, "name": "one"}, None),
        ({"name": "one"}, None),
    ],
)
def test_an_sdk_package_says_which_provider_it_needs(content: dict[str, Any], found: Required | None) -> None:
    assert packages.parse(json.dumps(content)) == found


def test_every_sdk_package_of_the_environment_counts(tmp_path: Path) -> None:
    for name in ("pulumi_two", "pulumi_one", "policy"):
        file = tmp_path / name / "pulumi-plugin.json"
        file.parent.mkdir()
        file.write_text(json.dumps({"resource": name != "policy", "name": name, "version": "1.0.0"}))
    (tmp_path / "requests").mkdir()
    assert packages.required([tmp_path]) == [Required("pulumi_one", "v1.0.0"), Required("pulumi_two", "v1.0.0")]
