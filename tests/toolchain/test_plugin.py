"""Which Kubernetes plugin is taken: downloaded where that works, else the stand-in; once chosen, it is kept."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from toolchain import kubernetes_plugin, plugin
from toolchain.errors import ToolchainError
from toolchain.plugin import Lane

FOLDER = f"plugins/resource-kubernetes-v{kubernetes_plugin.VERSION}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback in the place of Pulumi's own; it refuses every request, and so can be reached."""
    made = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{made.server_port}"
    monkeypatch.setattr(plugin, "SOURCE_URL", url)
    yield url
    made.shutdown()
    made.server_close()
    thread.join(5)


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "SOURCE_URL", "http://127.0.0.1:1")


def pulumi(tmp_path: Path, script: str) -> Path:
    """A CLI that runs the script in Pulumi's home, with its arguments noted in `asked`."""
    program = tmp_path / "pulumi"
    program.write_text(f'#!/bin/sh\nset -e\ncd "$PULUMI_HOME"\necho "$@" >> asked\n{script}\n')
    program.chmod(0o755)
    return program


DOWNLOADS = f"mkdir -p {FOLDER} && printf '\\177ELF' > {FOLDER}/{kubernetes_plugin.EXECUTABLE}"


def ensure(tmp_path: Path, script: str) -> Lane:
    return plugin.ensure(tmp_path, Path(sys.executable), pulumi(tmp_path, script), {})


def test_where_pulumi_answers_the_real_plugin_is_downloaded_once(server: str, tmp_path: Path) -> None:
    assert ensure(tmp_path, DOWNLOADS) is Lane.DOWNLOADED
    assert ensure(tmp_path, DOWNLOADS) is Lane.DOWNLOADED
    assert (tmp_path / "asked").read_text() == f"plugin install resource kubernetes {kubernetes_plugin.VERSION}\n"
    assert (tmp_path / FOLDER / kubernetes_plugin.EXECUTABLE).read_bytes() == b"\x7fELF", "it is left as it is"


def test_where_pulumi_does_not_answer_the_stand_in_serves(unreachable: None, tmp_path: Path) -> None:
    assert ensure(tmp_path, "exit 1") is Lane.STAND_IN
    assert plugin.installed(tmp_path / FOLDER) is Lane.STAND_IN
    assert not (tmp_path / "asked").exists()


def test_a_download_that_fails_is_told_and_the_stand_in_serves(server: str, tmp_path: Path) -> None:
    assert ensure(tmp_path, "echo no such plugin >&2; exit 3") is Lane.STAND_IN
    assert plugin.installed(tmp_path / FOLDER) is Lane.STAND_IN


def test_a_state_begun_with_the_stand_in_stays_with_it(server: str, tmp_path: Path) -> None:
    kubernetes_plugin.install(tmp_path / FOLDER, Path(sys.executable))
    assert ensure(tmp_path, DOWNLOADS) is Lane.STAND_IN
    assert not (tmp_path / "asked").exists()


def test_the_source_lane_asks_nobody(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugin.VARIABLE, "source")
    assert ensure(tmp_path, DOWNLOADS) is Lane.STAND_IN


def test_an_unknown_lane_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugin.VARIABLE, "fast")
    with pytest.raises(ToolchainError, match=r"BLUEPRINT_LANE=fast(.|\n)*one of: auto, source"):
        plugin.lane()
