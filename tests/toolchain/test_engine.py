"""The engine: what it starts, what it refuses, and what an earlier daemon may have left behind."""

import os
from pathlib import Path

import pytest

from toolchain import debian_packages, engine
from toolchain.errors import ToolchainError


def test_the_shim_is_the_default_runtime_only_where_it_is_needed() -> None:
    plain = engine.daemon_command(Path("/run/d.pid"), None)
    mended = engine.daemon_command(Path("/run/d.pid"), Path("/shim"))
    assert "--default-runtime" not in plain
    assert mended[len(plain) :] == ["--add-runtime", "blueprint=/shim", "--default-runtime", "blueprint"]


def test_the_shim_is_needed_where_the_bounding_set_lacks_something() -> None:
    assert engine.needs_shim("CapBnd:\t000001fffeffffff\n")
    assert not engine.needs_shim("CapBnd:\t000001ffffffffff\n")


def test_containers_go_before_the_hosts_processes(tmp_path: Path) -> None:
    engine.prefer_containers(tmp_path)
    assert int((tmp_path / "docker/cpu.shares").read_text()) > 1024


def test_a_host_without_that_control_group_is_left_as_it_is(tmp_path: Path) -> None:
    engine.prefer_containers(tmp_path / "cpu")
    assert list(tmp_path.iterdir()) == []


ANOTHER = pytest.param(str(os.getpid()), id="another program")


@pytest.mark.parametrize("content", ["", "no number", "4194305", ANOTHER])
def test_a_pid_file_whose_process_is_gone_or_another_program_is_removed(tmp_path: Path, content: str) -> None:
    file = tmp_path / "docker.pid"
    file.write_text(content)
    engine.remove_stale_pid_files({file: "dockerd", tmp_path / "absent.pid": "containerd"})
    assert not file.exists()


def test_the_pid_file_of_a_program_that_runs_stays(tmp_path: Path) -> None:
    file = tmp_path / "daemon.pid"
    file.write_text(str(os.getpid()))
    engine.remove_stale_pid_files({file: Path("/proc/self/comm").read_text().strip()})
    assert file.exists()


def test_an_engine_that_answers_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ask", lambda: None)
    monkeypatch.setattr(debian_packages, "ensure", lambda *_: pytest.fail("nothing is to be installed"))
    engine.ensure()


@pytest.mark.parametrize(
    ("host", "answer", "value", "remedy"),
    [
        ("tcp://127.0.0.1:1", "Cannot connect", "DOCKER_HOST=tcp://127.0.0.1:1: Cannot connect", "unset DOCKER_HOST"),
        (None, "permission denied while trying to connect", "permission denied", "group `docker`"),
        (None, "no `docker` on PATH", "Docker does not answer: no `docker` on PATH", "as root"),
    ],
)
def test_what_may_not_be_mended_is_refused_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, host: str | None, answer: str, value: str, remedy: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if host:
        monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setattr(engine, "ask", lambda: answer)
    monkeypatch.setattr(debian_packages, "may_install", lambda: False)
    with pytest.raises(ToolchainError) as refused:
        engine.ensure()
    assert value in refused.value.value
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "may"),
    [('ID=debian\nVERSION_ID="12"\n', True), ('ID="pop"\nID_LIKE="ubuntu debian"\n', True), ("ID=fedora\n", False)],
)
def test_packages_are_installed_on_debian_and_its_kin_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, may: bool
) -> None:
    release = tmp_path / "os-release"
    release.write_text(text)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    assert debian_packages.may_install(release) is may


def test_nobody_but_root_installs_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not debian_packages.may_install()


def test_only_missing_programs_count() -> None:
    assert debian_packages.missing({"sh": "dash", "surely-no-such-program": "nothing"}) == {
        "surely-no-such-program": "nothing"
    }
