"""Debian's Prometheus and promtool: those on PATH, else those of the image `prometheus` where it is built."""

import shutil
import subprocess
from pathlib import Path

import pytest

from images import builder, docker
from toolchain.errors import ToolchainError

SECONDS = 120


def promtool(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What promtool says of files of the folder; else the test is skipped."""
    command = [*program("promtool", folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def program(name: str, folder: Path) -> list[str]:
    """How the program is called, so that it finds the folder under its own path and loopback is the host's.

    Args:
        name: `promtool` or `prometheus`.
        folder: all that it may read and write.
    """
    found = shutil.which(name)
    if found:
        return [found]
    tag = builder.reference("prometheus")
    if not _built(tag):
        pytest.skip(f"needs {name}: on PATH, or the image `prometheus` in a running Docker, which `make up` builds")
    mount = f"type=bind,source={folder},target={folder}"
    bounds = ["--rm", "--init", "--network=host", "--user=0"]
    return ["docker", "run", *bounds, "--mount", mount, f"--entrypoint=/usr/bin/{name}", tag]


def _built(tag: str) -> bool:
    try:
        return docker.exists(tag)
    except (ToolchainError, FileNotFoundError):
        return False  # a host without Docker, or one where it does not run
