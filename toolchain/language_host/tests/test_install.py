"""The launchers that the CLI starts: written whole, left alone when right, replaced when not."""

import subprocess
from pathlib import Path

from toolchain.language_host import install
from toolchain.language_host.install import LAUNCHERS, write_launcher


def test_the_language_host_and_the_dynamic_provider_get_a_launcher(tmp_path: Path) -> None:
    install(tmp_path / "bin", Path("/venv/bin/python"))
    assert {file.name for file in (tmp_path / "bin").iterdir()} == LAUNCHERS.keys()
    text = (tmp_path / "bin" / "pulumi-language-python").read_text()
    assert text == '#!/bin/sh\nexec /venv/bin/python -m toolchain.language_host "$@"\n'


def test_a_launcher_becomes_its_command_and_hands_on_every_argument(tmp_path: Path) -> None:
    target = tmp_path / "launcher"
    write_launcher(target, ["/bin/echo", "two words"])
    done = subprocess.run([target, "-a", "b c"], capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout == "two words -a b c\n"


def test_a_python_in_a_folder_with_a_space_is_started(tmp_path: Path) -> None:
    folder = tmp_path / "my venv"
    folder.mkdir()
    (folder / "python").write_text("#!/bin/sh\necho started\n")
    (folder / "python").chmod(0o755)
    install(tmp_path / "bin", folder / "python")
    launcher = tmp_path / "bin" / "pulumi-language-python"
    assert subprocess.run([launcher], capture_output=True, text=True, timeout=10, check=True).stdout == "started\n"


def test_a_launcher_that_is_right_is_left_alone(tmp_path: Path) -> None:
    """A run that goes on beside this one may be starting it."""
    target = tmp_path / "launcher"
    write_launcher(target, ["/bin/echo"])
    before = target.stat()
    write_launcher(target, ["/bin/echo"])
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_launcher_of_another_python_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "launcher"
    write_launcher(target, ["/bin/false"])
    before = target.stat().st_ino
    write_launcher(target, ["/bin/true"])
    assert target.read_text() == '#!/bin/sh\nexec /bin/true "$@"\n'
    assert target.stat().st_ino != before
    assert target.stat().st_mode & 0o777 == 0o755
    assert list(tmp_path.iterdir()) == [target]
