"""The Python packages of a service: wheels, downloaded on the host by their hashes and kept in the user's cache."""

import hashlib
import sys
import tempfile
from pathlib import Path

from toolchain import paths
from toolchain.progress import step
from toolchain.shell import run

PYTHON = "3.13"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")
SECONDS = 600


def ensure(requirements: Path) -> list[Path]:
    """The wheels of a requirements file with hashes.

    Raises:
        ToolchainError: the package index did not answer, or a hash differs.
    """
    key = hashlib.sha256(requirements.read_bytes() + PYTHON.encode()).hexdigest()[:16]
    folder = paths.cache() / "wheels" / key
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with (
            step(f"Python packages of {requirements.parent.name}"),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".downloading-") as scratch,
        ):
            _download(requirements, Path(scratch) / key)
            (Path(scratch) / key).rename(folder)
    return sorted(folder.iterdir())


def _download(requirements: Path, folder: Path) -> None:
    platforms = [part for platform in PLATFORMS for part in ("--platform", platform)]
    exact = ["--only-binary=:all:", "--require-hashes", "--python-version", PYTHON, "--implementation", "cp"]
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "-r",
            str(requirements),
            "-d",
            str(folder),
            *exact,
            *platforms,
        ],
        seconds=SECONDS,
        remedy="check that the Python package index is reachable, then run `make up` again",
    )
