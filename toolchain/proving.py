"""`make test`, the live part: brings the stack up, proves it, and removes what it made.

A cluster that was there before is kept, and then the proofs that stop or remove it are left out, visibly.
"""

import os
import subprocess
import sys

from toolchain import kind, lifecycle, paths
from toolchain.errors import ToolchainError
from toolchain.kind import Health
from toolchain.progress import console, step

WORKERS = 4
PHASES = {
    "live tests, side by side": ("tests/cluster", "-m", "not serial", "-n", str(WORKERS)),
    "live tests that disturb": ("tests/cluster", "-m", "serial"),
}
LIFECYCLE = ("tests/lifecycle", "-x")
SECONDS = 1800


def test() -> None:
    """Proves the stack on a live cluster.

    Raises:
        ToolchainError: a proof failed.
    """
    lifecycle.require_engine()
    chosen = lifecycle.settings()
    kept = kind.health(chosen.cluster) is not Health.ABSENT or bool(os.environ.get("KEEP"))
    lifecycle.up()
    failed = [title for title, arguments in PHASES.items() if not _passes(title, arguments)]
    selected = (*LIFECYCLE, "-k", "second_up") if kept else LIFECYCLE
    if kept:
        console.print("skipped: the proofs that stop and remove the cluster (it was there before, or KEEP is set)")
    if not _passes("coming and going", selected):
        failed.append("coming and going")
    if failed:
        raise ToolchainError(
            f"failed: {', '.join(failed)}",
            "every proof passes",
            "read the first failure above; `make status` shows more",
        )


def _passes(title: str, arguments: tuple[str, ...]) -> bool:
    with step(title):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *arguments], cwd=paths.ROOT, timeout=SECONDS, check=False
        )
    return done.returncode == 0
