"""Pulumi's environment: what lies in the checkout, what the user's own choice changes, and the passphrase."""

import importlib.metadata
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolchain import backend, kubernetes_plugin, paths, plugin, programs
from toolchain.errors import ToolchainError

CHOICES = (
    "PULUMI_BACKEND_URL",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_CREDENTIALS_PATH",
    "PULUMI_HOME",
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of its own, a CLI that is there already, and a user who chose nothing."""
    cli = tmp_path / "built" / "pulumi"
    cli.parent.mkdir()
    cli.write_text("the CLI")
    for name in CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(programs, "ensure", lambda _name: cli)
    monkeypatch.setattr(plugin, "ensure", lambda *_: plugin.Lane.STAND_IN)
    for remembered in (backend._install, backend.plugin_lane):
        remembered.cache_clear()
    yield tmp_path / ".blueprint"
    for remembered in (backend._install, backend.plugin_lane):
        remembered.cache_clear()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_passphrase_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """Whatever the umask is, nobody else may read it, not even while it is written."""
    old = os.umask(0)
    try:
        file = backend.passphrase_file(tmp_path / "passphrase")
    finally:
        os.umask(old)
    assert mode(file) == 0o600
    assert len(file.read_text()) == 43
    assert list(tmp_path.iterdir()) == [file]


def test_a_passphrase_that_is_there_is_kept(tmp_path: Path) -> None:
    """Another one could not read the state's secrets."""
    file = backend.passphrase_file(tmp_path / "passphrase")
    first = file.read_text()
    assert backend.passphrase_file(file).read_text() == first


def test_two_checkouts_have_two_passphrases(tmp_path: Path) -> None:
    files = [backend.passphrase_file(tmp_path / name) for name in ("one", "two")]
    assert files[0].read_text() != files[1].read_text()


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o620, 0o777])
def test_a_passphrase_that_others_may_touch_is_refused_with_the_remedy(tmp_path: Path, wide: int) -> None:
    file = tmp_path / "passphrase"
    file.write_text("secret")
    file.chmod(wide)
    with pytest.raises(ToolchainError) as refused:
        backend.passphrase_file(file)
    assert refused.value.value == f"{file} has mode {wide:04o}"
    assert refused.value.rule == "only its owner reads a passphrase"
    assert refused.value.remedy == f"chmod 600 {file}"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("narrow", [0o600, 0o400])
def test_a_passphrase_that_its_owner_alone_reads_is_taken(tmp_path: Path, narrow: int) -> None:
    file = tmp_path / "passphrase"
    file.write_text("secret")
    file.chmod(narrow)
    assert backend.passphrase_file(file) == file


def test_everything_lies_in_the_checkout_where_the_user_chose_nothing(state: Path) -> None:
    found = backend.environment()
    assert found["PULUMI_BACKEND_URL"] == f"file://{state / 'state'}"
    assert found["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(state / "passphrase")
    assert found["PULUMI_HOME"] == str(state / "pulumi")
    assert "PULUMI_CREDENTIALS_PATH" not in found
    assert (state / "state").is_dir()
    assert (mode(state), mode(state / "passphrase")) == (0o700, 0o600)


def test_pulumi_asks_nobody_for_updates_or_plugins(state: Path) -> None:
    found = backend.environment()
    asking = (
        "PULUMI_SKIP_UPDATE_CHECK",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION",
        "PULUMI_IGNORE_AMBIENT_PLUGINS",
    )
    assert {found[name] for name in asking} == {"true"}


@pytest.mark.parametrize(
    ("name", "value"), [("PULUMI_BACKEND_URL", "s3://states"), ("PULUMI_ACCESS_TOKEN", "pul-0123")]
)
def test_a_backend_of_the_user_s_is_respected(
    state: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Neither is it replaced, nor is a local one made; the log-in is looked for where the user keeps it."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", "/home/somebody")
    found = backend.environment()
    assert "PULUMI_BACKEND_URL" not in found
    assert found["PULUMI_CREDENTIALS_PATH"] == "/home/somebody/.pulumi"
    assert backend.local_state() is None
    assert not (state / "state").exists()


@pytest.mark.parametrize(
    ("name", "place"), [("PULUMI_CREDENTIALS_PATH", "/keys"), ("PULUMI_HOME", "/home/somebody/elsewhere")]
)
def test_a_place_of_the_user_s_log_in_is_respected(
    state: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-0123")
    monkeypatch.setenv(name, place)
    found = backend.environment()
    assert found["PULUMI_CREDENTIALS_PATH"] == place
    assert found["PULUMI_HOME"] == str(state / "pulumi")


@pytest.mark.parametrize("name", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_a_passphrase_of_the_user_s_is_respected(state: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mine")
    assert not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & backend.environment().keys()
    assert not (state / "passphrase").exists()


def test_an_empty_passphrase_is_a_choice_too(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulumi takes an empty one for "no encryption", where it is set."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in backend.environment()


def test_an_empty_backend_is_no_choice(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "")
    assert backend.environment()["PULUMI_BACKEND_URL"].startswith("file://")


def test_a_passphrase_that_others_read_stops_every_command(state: Path) -> None:
    backend.environment()
    (state / "passphrase").chmod(0o644)
    with pytest.raises(ToolchainError, match="has mode 0644"):
        backend.environment()


def test_the_cli_stands_beside_its_language_host_and_first_on_path(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI takes the language host beside itself; a system's own pulumi further on PATH is not used."""
    monkeypatch.setenv("PATH", "/usr/bin")
    folder = state / "pulumi" / "bin"
    assert backend.environment()["PATH"] == f"{folder}:/usr/bin"
    assert backend.pulumi() == folder / "pulumi"
    assert (folder / "pulumi").read_text() == "the CLI"
    assert (folder / "pulumi-language-python").stat().st_mode & stat.S_IXUSR


def test_the_plugin_is_put_into_the_checkout_s_own_pulumi_home(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, by the checkout's own CLI and this Python."""
    places: list[tuple[object, ...]] = []

    def ensure(*arguments: object) -> plugin.Lane:
        places.append(arguments[:3])
        return plugin.Lane.DOWNLOADED

    monkeypatch.setattr(plugin, "ensure", ensure)
    backend.environment()
    backend.environment()
    assert places == [(state / "pulumi", Path(sys.executable), state / "pulumi" / "bin" / "pulumi")]
    assert backend.plugin_lane() is plugin.Lane.DOWNLOADED


def test_the_plugin_s_version_is_the_locked_sdk_s() -> None:
    """The engine asks for exactly the SDK's version; another one would be looked for on the network."""
    assert importlib.metadata.version("pulumi-kubernetes") == kubernetes_plugin.VERSION


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A program as it was built, and where it is to be."""
    source = tmp_path / "source"
    source.write_text("new")
    source.chmod(0o755)
    return source, tmp_path / "target"


def test_a_program_is_linked_and_leaves_nothing_beside_itself(pair: tuple[Path, Path]) -> None:
    source, target = pair
    backend._link(source, target)
    assert target.samefile(source)
    assert sorted(target.parent.iterdir()) == [source, target]


def test_a_program_that_is_there_is_left_alone(pair: tuple[Path, Path]) -> None:
    """A run that goes on beside this one keeps its own open."""
    source, target = pair
    target.write_bytes(source.read_bytes())
    before = target.stat()
    backend._link(source, target)
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_program_in_its_place_is_replaced(pair: tuple[Path, Path]) -> None:
    source, target = pair
    target.write_text("an older one")
    backend._link(source, target)
    assert target.read_text() == "new"


def test_another_program_of_the_same_size_is_replaced(pair: tuple[Path, Path]) -> None:
    """Two releases of a Go program often have the same size: their version's digits differ."""
    source, target = pair
    target.write_text("old")
    backend._link(source, target)
    assert target.read_text() == "new"


def test_a_program_on_another_file_system_is_copied(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)
    source, target = pair
    backend._link(source, target)
    assert (target.read_text(), mode(target)) == ("new", 0o755)
    assert sorted(target.parent.iterdir()) == [source, target]
