"""The Pulumi CLI's environment: its plugins, its state and its passphrase. No account is needed.

Everything lies in `.blueprint/` of the checkout, unless the user chose a backend or a passphrase: these are respected.
"""

import filecmp
import os
import secrets
import stat
import sys
from functools import cache as memoize
from pathlib import Path

from toolchain import language_host, paths, plugin, programs
from toolchain.errors import ToolchainError

PASSPHRASE_BYTES = 32


def environment() -> dict[str, str]:
    """What is added to the environment of every Pulumi command.

    Raises:
        ToolchainError: the passphrase file may be read by others.
    """
    programs_folder = _install()
    plugin_lane()
    found = {
        "PATH": f"{programs_folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "PULUMI_HOME": str(_home()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    }
    if local_state() is not None:
        found["PULUMI_BACKEND_URL"] = f"file://{local_state()}"
    else:
        found["PULUMI_CREDENTIALS_PATH"] = os.environ.get("PULUMI_CREDENTIALS_PATH") or str(_users_home())
    if not ({"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & os.environ.keys()):
        found["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase_file(paths.state() / "passphrase"))
    return found


def pulumi() -> Path:
    """The Pulumi CLI, beside its language host."""
    return _install() / "pulumi"


def local_state() -> Path | None:
    """Where the state lies; None where the user chose a backend of their own."""
    if os.environ.get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_ACCESS_TOKEN"):
        return None
    folder = paths.state() / "state"
    folder.mkdir(exist_ok=True)
    return folder


def passphrase_file(file: Path) -> Path:
    """The file with the passphrase that encrypts the state's secrets; made once, for its owner alone.

    Raises:
        ToolchainError: its mode lets others read it.
    """
    if not file.exists():
        scratch = file.with_name(f".{file.name}-{os.getpid()}")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(secrets.token_urlsafe(PASSPHRASE_BYTES))
        scratch.replace(file)
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise ToolchainError(f"{file} has mode {mode:04o}", "only its owner reads a passphrase", f"chmod 600 {file}")
    return file


def _users_home() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def _home() -> Path:
    return paths.state() / "pulumi"


@memoize
def _install() -> Path:
    """Puts the CLI and the language host in place; what is there already is left alone.

    The CLI takes a language host beside itself for its own, so it is linked (or copied) there.
    """
    folder = _home() / "bin"
    python = Path(sys.executable)
    language_host.install(folder, python)
    _link(programs.ensure("pulumi"), folder / "pulumi")
    return folder


@memoize
def plugin_lane() -> plugin.Lane:
    """Puts the Kubernetes plugin in place, and says which one it is."""
    without = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_BACKEND_URL": f"file://{_home()}"}
    return plugin.ensure(_home(), Path(sys.executable), _install() / "pulumi", without)


def _link(source: Path, target: Path) -> None:
    if target.exists() and (target.samefile(source) or filecmp.cmp(source, target, shallow=False)):
        return
    scratch = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        os.link(source, scratch)
    except OSError:  # another file system: a copy serves as well
        scratch.write_bytes(source.read_bytes())
        scratch.chmod(0o755)
    scratch.replace(target)
