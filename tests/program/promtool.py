"""Prometheus' and Alertmanager's own checkers. They come with the images; here they are used where they are on PATH."""

import shutil
import subprocess
from pathlib import Path

import pytest

SECONDS = 300


def run(program: str, *arguments: str | Path) -> str:
    """What the program prints. The test is skipped where it is not at hand, and fails where it finds fault."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs {program} on PATH (Debian's package promtool or prometheus-alertmanager)")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{program} {' '.join(map(str, arguments))}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
