"""Files that are read again: what is taken over, what is refused, and how a ConfigMap's volume changes."""

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import eventually
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from blueprint_kit.reloading import ReloadedFile
from blueprint_kit.settings import Refusal, SettingsError

Log = list[MutableMapping[str, Any]]


def parse(text: str) -> int:
    """The number in a JSON document."""
    try:
        return int(json.loads(text)["limit"])
    except KeyError:
        raise SettingsError([Refusal("limit is missing", "must be set", "set limit")]) from None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file as kubelet mounts it: a link to a file in the folder that another link, `..data`, leads to."""
    mount(tmp_path, "first", '{"limit": 1}')
    path = tmp_path / "limits.json"
    path.symlink_to("..data/limits.json")
    return path


def mount(folder: Path, version: str, content: str | bytes) -> None:
    """Make `content` a new version, as kubelet does."""
    (folder / version).mkdir()
    written = content if isinstance(content, bytes) else content.encode()
    (folder / version / "limits.json").write_bytes(written)
    link = folder / "..data_tmp"
    link.symlink_to(version)
    link.rename(folder / "..data")


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as log:
        yield log


def metric(name: str, path: Path) -> float | None:
    return REGISTRY.get_sample_value(name, {"file": str(path)})


async def test_changed_content_is_taken_over_while_it_is_watched(path: Path) -> None:
    file = ReloadedFile(path, parse, seconds=0.01)
    assert (file.value, metric("config_reload_failed", path)) == (1, 0)
    watching = asyncio.create_task(file.watch())
    mount(path.parent, "second", '{"limit": 2}')

    async def changed() -> bool:
        return file.value == 2

    await eventually(changed)
    watching.cancel()
    assert metric("config_reloads_total", path) == 1


def test_unchanged_content_is_not_parsed_again(path: Path) -> None:
    parsed: list[str] = []
    file = ReloadedFile(path, parsed.append)
    file.look()
    mount(path.parent, "second", '{"limit": 1}')
    file.look()
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("{", "Expecting property name"),
        ("{}", "limit is missing: must be set; set limit"),
        ('{"limit": "many"}', "invalid literal"),
        ("", "Expecting value"),
        (b"\xff", "must be a readable text file"),
    ],
)
def test_bad_content_changes_nothing_and_is_said_once(path: Path, log: Log, bad: str | bytes, why: str) -> None:
    file = ReloadedFile(path, parse)
    mount(path.parent, "bad", bad)
    for _ in range(3):
        file.look()
    (line,) = log
    assert why in line["error"]
    assert (line["file"], line["log_level"]) == (str(path), "error")
    assert (file.value, metric("config_reload_failed", path)) == (1, 1)
    mount(path.parent, "good", '{"limit": 3}')
    file.look()
    assert (file.value, metric("config_reload_failed", path)) == (3, 0)


def test_return_to_the_content_before_the_bad_one_is_good(path: Path) -> None:
    file = ReloadedFile(path, parse)
    for version, content in {"bad": "{", "again": '{"limit": 1}'}.items():
        mount(path.parent, version, content)
        file.look()
    assert (file.value, metric("config_reload_failed", path)) == (1, 0)


def test_file_that_is_gone_for_a_while(path: Path, log: Log) -> None:
    file = ReloadedFile(path, parse)
    path.rename(path.with_suffix(".away"))
    for _ in range(3):
        file.look()
    assert (file.value, len(log), metric("config_reload_failed", path)) == (1, 1, 1)
    path.with_suffix(".away").rename(path)
    file.look()
    assert (file.value, metric("config_reload_failed", path)) == (1, 0)


def test_bad_content_at_the_start_is_raised(path: Path, tmp_path: Path) -> None:
    mount(path.parent, "bad", "{}")
    with pytest.raises(SettingsError, match="limit is missing"):
        ReloadedFile(path, parse)
    with pytest.raises(SettingsError, match=r"must be a readable text file .*; mount it at "):
        ReloadedFile(tmp_path / "nothing", parse)
