"""The scanners' own environment: Python packages locked by hash, installed once into the user's cache.

They stay out of the project's environment: checkov alone brings a hundred packages and old versions of some.
"""

import hashlib
import shutil
import sys
import tempfile
import venv
from pathlib import Path

from toolchain import paths
from toolchain.locking import locked
from toolchain.paths import ROOT
from toolchain.progress import step
from toolchain.shell import run

LOCK = ROOT / "audit" / "requirements.txt"
INSTALL_SECONDS = 600


def program(name: str) -> Path:
    """A program of the environment, such as `checkov`; the first call installs them all.

    Raises:
        ToolchainError: the packages cannot be had, or are not what the lock says.
    """
    return _ensure() / "bin" / name


def _ensure() -> Path:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(LOCK.read_bytes() + python.encode()).hexdigest()[:16]
    folder = paths.cache() / "scanners" / key
    with locked("scanners"):
        if not (folder / "complete").exists():
            with step("install the scanners"):
                _install(folder)
    return folder


def _install(folder: Path) -> None:
    """A virtual environment names its own place, so it is made there; the file `complete` comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    venv.create(folder, with_pip=True)
    remedy = "check that PyPI is reachable, then run the command again"
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        options = ["--require-hashes", "--only-binary=:all:", "--no-deps", "-r", str(LOCK)]
        run([*command, *options], seconds=INSTALL_SECONDS, remedy=remedy, environment={"TMPDIR": scratch})
    (folder / "complete").touch()
