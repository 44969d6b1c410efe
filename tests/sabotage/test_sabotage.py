"""Each break of `breaks.py`: the live tests of its concepts pass without it, as `make test` shows, and fail with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.conftest import cluster, kube
from tests.cluster.kube import Kube
from tests.sabotage.breaking import Break
from tests.sabotage.breaks import BREAKS
from toolchain import paths, proofs

__all__ = ["cluster", "kube"]
TEST_SECONDS = 900


def _case(broken: Break) -> object:
    """Breaks of one target run one after the other; one that harms the others runs alone."""
    marks = [pytest.mark.serial] if broken.alone else [pytest.mark.xdist_group(broken.steps[0].target)]
    return pytest.param(broken, id=f"{broken.concepts.replace(' ', '-')}: {broken.what}", marks=marks)


@pytest.mark.parametrize("broken", [_case(broken) for broken in BREAKS])
def test_the_live_tests_notice(broken: Break, kube: Kube, tmp_path: Path) -> None:
    """With the cause broken, each of the named tests fails in its body, not in what it stands on."""
    with broken.made(kube):
        unmoved = [test for test in broken.tests if not _fails(test, tmp_path)]
    assert not unmoved, f"{broken.what}, and still passed: {', '.join(unmoved)}"


def _fails(test: str, folder: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", f"tests/cluster/{test}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment[proofs.VARIABLE] = str(folder / "proofs.jsonl")
    done = subprocess.run(
        command, cwd=paths.ROOT, env=environment, capture_output=True, text=True, timeout=TEST_SECONDS, check=False
    )
    summary = done.stdout.strip().splitlines()[-1]
    print(f"{test}: {summary}\n" + "\n".join(line for line in done.stdout.splitlines() if line.startswith("E  ")))
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.returncode == 1 and "failed" in summary
