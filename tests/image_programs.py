"""Programs that check what we write for them: those on PATH, else those of the images that `make up` builds."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from images import builder, docker
from toolchain.errors import ToolchainError

SECONDS = 300
IMAGES: Mapping[str, str] = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "amtool": "alertmanager",
    "prometheus-blackbox-exporter": "blackbox-exporter",
}
"""Program → the image that has it in /usr/bin."""


def checked(name: str, folder: Path, *arguments: str | Path) -> str:
    """What the program prints of files of the folder. The test fails where it finds fault."""
    done = asked(name, folder, *arguments)
    assert done.returncode == 0, f"{name} {' '.join(map(str, arguments))}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def asked(name: str, folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """The program's run, whatever it says; the test is skipped where it is not at hand."""
    command = [*program(name, folder), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def program(name: str, folder: Path) -> list[str]:
    """How the program is called, so that it finds the folder under its own path and loopback is the host's.

    Args:
        name: a program of `IMAGES`.
        folder: all that it may read and write.
    """
    found = shutil.which(name)
    if found:
        return [found]
    tag = builder.reference(IMAGES[name])
    if not _built(tag):
        pytest.skip(f"needs {name}: on PATH, or the image {IMAGES[name]} in a running Docker, which `make up` builds")
    mount = f"type=bind,source={folder},target={folder}"
    bounds = ["--rm", "--init", "--network=host", "--user=0"]
    return ["docker", "run", *bounds, "--mount", mount, f"--entrypoint=/usr/bin/{name}", tag]


def _built(tag: str) -> bool:
    try:
        return docker.exists(tag)
    except (ToolchainError, FileNotFoundError):
        return False  # a host without Docker, or one where it does not run
