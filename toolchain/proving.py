"""`make test`, the live part: brings the stack up, proves it, and removes what it made.

A cluster that was there before is kept, and then the proofs that stop or remove it are left out, visibly.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent

from infra.settings import Target
from toolchain import engine, kind, lifecycle, paths, proofs, stack
from toolchain.errors import ToolchainError
from toolchain.kind import Health
from toolchain.progress import console, step

WORKERS = 5
SECONDS = 2700
"""The longest that a phase may take; the longest one took 25 minutes on 2 cores."""
CONFORMANCE = "toolchain/kubernetes_plugin/tests/conformance"
CHART = "charts/microservice/tests"
ALERTS = "tests/cluster/test_alerts.py"
COMING, GOING = "tests/lifecycle/test_coming.py", "tests/lifecycle/test_going.py"
MOSTLY_WAITING = tuple(
    f"tests/cluster/test_{what}.py" for what in ("scaling_by_requests", "logs", "targets", "exporters")
)
"""Each disturbs something else: the gateway, the agents, Prometheus' rules, exporters. Three files at a time."""
# Each phase: its title, and what pytest is given.
KILLED = "an `up` that is killed"
SIDE_BY_SIDE = "live tests, side by side"
PHASES: Mapping[str, tuple[str, ...]] = {
    "files, by the programs that read them": ("tests/program", "-m", "image_program"),
    # Alerts come first, while nothing that other proofs did is one; they leave the processor to the plugin's tests,
    # most of which have a control plane of their own.
    "alerts, and the plugin beside them": (
        *(ALERTS, CONFORMANCE, "-m", "serial or nodeless"),
        *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
    ),
    SIDE_BY_SIDE: ("tests/cluster", CONFORMANCE, CHART, "-m", "not serial and not nodeless", "-n", str(WORKERS)),
    "the web page": ("tests/browser",),
    "live tests that wait": (*MOSTLY_WAITING, "-m", "serial", "-n", "3", "--dist", "loadfile"),
    "live tests that disturb": (
        "tests/cluster",
        *("-m", "serial"),
        *(f"--ignore={file}" for file in (ALERTS, *MOSTLY_WAITING)),
    ),
    "every order accounted for": ("tests/chaos",),
    "going": (GOING, "-x"),
}
KEPT = {"going": (GOING, "-m", "not removes_cluster")}


def test() -> None:
    """Proves the stack on a live cluster.

    Raises:
        ToolchainError: a proof failed.
    """
    started = time.monotonic()
    engine.ensure()
    chosen = lifecycle.settings()
    absent = chosen.target is Target.KIND and kind.health(chosen.cluster) is Health.ABSENT
    kept = not absent or bool(os.environ.get("KEEP"))
    results = paths.state() / "proofs.jsonl"
    results.unlink(missing_ok=True)
    environment = {proofs.VARIABLE: str(results)}
    failed = [] if not absent or _proves(KILLED, (COMING, "--capture=no"), environment) else [KILLED]
    lifecycle.up()
    environment |= _of_the_cluster()
    phases = {**PHASES, **(KEPT if kept else {})}
    failed += [title for title, arguments in phases.items() if not _proves(title, arguments, environment)]
    if kept:
        console.print("skipped: the proofs that stop and remove the cluster (it was there before, or KEEP is set)")
    _print_concepts(results)
    console.print(f"proven in {time.monotonic() - started:.0f} s, `up` included")
    for failure in proofs.failures(results):
        console.print(f"✗ {failure.test}\n{indent(failure.why, '    ')}", markup=False, highlight=False)
    if failed:
        raise ToolchainError(
            f"failed: {', '.join(failed)}",
            "every proof passes",
            "read the first failure above; `make status` shows more",
        )


def _of_the_cluster() -> dict[str, str]:
    """The cluster on which the plugin's tests run pods."""
    outputs = stack.outputs(lifecycle.stack_name())
    file = paths.state() / "kubeconfig"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(outputs["kubeconfig"])
    return {
        "BLUEPRINT_CONFORMANCE_KUBECONFIG": str(file),
        "BLUEPRINT_CONFORMANCE_IMAGE": outputs["images"]["toolbox"],
    }


def _proves(title: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    """Whether a phase's proofs pass. One that fails beside others, where time is short, may pass alone; no other may.

    The run says so, and the table shows the proof as failed.
    """
    if _passes(title, arguments, environment):
        return True
    if title != SIDE_BY_SIDE:
        return False
    again = (*arguments, "-n", "0", "--last-failed", "--last-failed-no-failures", "none")
    if not _passes("what failed side by side, once more and alone", again, environment):
        return False
    console.print("unsteady: what the table shows as failed passed alone", style="yellow")
    return True


def _passes(title: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    with step(title):
        try:
            done = subprocess.run(command, cwd=paths.ROOT, env=os.environ | environment, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            console.print(
                f"{title}: not at its end after {SECONDS} s, so it was ended; what it began may be there still"
            )
            return False
    return done.returncode == 0


def _print_concepts(results: Path) -> None:
    found = proofs.read(results)
    proofs.show(found)
    console.print(f"no proof passed for: {', '.join(proofs.unproven(found)) or 'none'}", style="dim")
