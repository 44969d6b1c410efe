"""`make test` and `make thorough`, their live parts: brings the stack up, proves it, and removes what it made.

A cluster that was there before is kept, and then the proofs that stop or remove it are left out, visibly.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from infra.settings import Target
from toolchain import kind, lifecycle, paths, proofs, stack
from toolchain.errors import ToolchainError
from toolchain.kind import Health
from toolchain.progress import console, step

WORKERS = 5
SECONDS = 2700
"""The longest that a phase may take."""
RESULTS = "proofs.jsonl"
UNTIL = "BLUEPRINT_PROVE_UNTIL"
"""Names, in seconds of Unix time, when a run must have ended: no phase begins that would take it beyond."""
SLOWEST = ("--durations=10", "--durations-min=20")
"""Each phase tells which of its tests took longest, in seconds: where its time goes."""
CONFORMANCE = "toolchain/kubernetes_plugin/tests/conformance"
CHART = "charts/microservice/tests"
ALERTS = "tests/cluster/test_alerts.py"
LEDGER = "tests/chaos"
COMING, GOING = "tests/lifecycle/test_coming.py", "tests/lifecycle/test_going.py"
MOSTLY_WAITING = tuple(
    f"tests/cluster/test_{what}.py" for what in ("scaling_by_requests", "logs", "targets", "exporters")
)
"""Each disturbs something else: the gateway, the agents, Prometheus' rules, exporters. Three files at a time."""


@dataclass(frozen=True)
class Phase:
    """Proofs that one run of pytest gives.

    Attributes:
        title: what the run is called.
        arguments: what pytest is given.
        minutes: how long it took on the slowest host where it was measured.
        again: whether its tests stand alone, so that those that failed may be tried once more.
    """

    title: str
    arguments: tuple[str, ...]
    minutes: int
    again: bool = True


KILLED = Phase("an `up` that is killed", (COMING, "--capture=no"), 2, again=False)
PHASES = (
    Phase("files, by the programs that read them", ("tests/program", "-m", "image_program"), 1),
    # Alerts come first, while nothing that other proofs did is one; they leave the processor to the plugin's tests,
    # most of which have a control plane of their own.
    Phase(
        "alerts, and the plugin beside them",
        (
            *(ALERTS, CONFORMANCE, "-m", "serial or nodeless"),
            *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
        ),
        21,
    ),
    Phase(
        "live tests, side by side",
        ("tests/cluster", CONFORMANCE, CHART, "-m", "not serial and not nodeless", "-n", str(WORKERS)),
        23,
    ),
    Phase("the web page", ("tests/browser",), 2),
    Phase("live tests that wait", (*MOSTLY_WAITING, "-m", "serial", "-n", "3", "--dist", "loadfile"), 8),
    Phase(
        "live tests that disturb",
        (
            *("tests/cluster", "-m", "serial"),
            *(f"--ignore={file}" for file in (ALERTS, *MOSTLY_WAITING)),
        ),
        19,
    ),
    Phase("every order accounted for", (LEDGER,), 7),
)
GONE = Phase("going", (GOING, "-x"), 9, again=False)
KEPT = Phase("going", (GOING, "-m", "not removes_cluster"), 2, again=False)
THOROUGH = (Phase("the same at length", ("tests/cluster", LEDGER, "-m", "thorough"), 20),)
"""What repeats a proof of `PHASES` for more services, or with more orders."""


def test() -> None:
    """Proves each concept on a live cluster, and how the cluster comes and goes if it was not there before.

    Raises:
        ToolchainError: a proof failed.
    """
    run = Run(paths.state() / RESULTS, _until(os.environ))
    lifecycle.provide()
    chosen = lifecycle.settings()
    absent = chosen.target is Target.KIND and kind.health(chosen.cluster) is Health.ABSENT
    if absent:
        run.prove(KILLED)
    removed = absent and not os.environ.get("KEEP")
    run.prove_on_the_cluster((*PHASES, GONE if removed else KEPT))
    if not removed:
        console.print("skipped: the proofs that stop and remove the cluster (it was there before, or KEEP is set)")
    elif GONE in run.left_out:
        lifecycle.down()
    run.report()


def thorough() -> None:
    """Proves at length, on the cluster that is there or is then made, what `test` proves once.

    Raises:
        ToolchainError: a proof failed.
    """
    run = Run(paths.state() / RESULTS, _until(os.environ))
    run.prove_on_the_cluster(THOROUGH)
    run.report()


@dataclass
class Run:
    """One run of `make test` or `make thorough`.

    Attributes:
        results: the file that its proofs are noted in.
        until: when it must have ended, in seconds of Unix time, or None where nobody waits for it.
        environment: what tests are told beside the process' own.
        failed: phases that failed.
        unsteady: phases in which tests failed, and passed alone.
        left_out: phases that there was no time for.
    """

    results: Path
    until: float | None = None
    environment: dict[str, str] = field(default_factory=dict)
    failed: list[Phase] = field(default_factory=list)
    unsteady: list[Phase] = field(default_factory=list)
    left_out: list[Phase] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.results.unlink(missing_ok=True)
        self.environment[proofs.VARIABLE] = str(self.results)

    def prove_on_the_cluster(self, phases: Iterable[Phase]) -> None:
        """Makes the cluster, or brings it to what the program says, and runs the phases one after the other."""
        lifecycle.up()
        self.environment |= _of_the_cluster()
        for phase in phases:
            self.prove(phase)

    def prove(self, phase: Phase) -> None:
        """Runs a phase, if it fits into the time. Its tests that fail are tried once more, one after the other.

        On a live cluster the host can disturb a test: a second try tells that from a fault. The run says which it was.
        """
        if not self._has(phase.minutes):
            self.left_out.append(phase)
            console.print(f"left out, for want of time: {phase.title} (about {phase.minutes} min)", style="yellow")
        elif not self._passes(phase.title, phase.arguments):
            again = (*phase.arguments, "-n", "0", "--last-failed", "--last-failed-no-failures", "none")
            title = f"what failed of {phase.title}, once more and alone"
            passed = phase.again and self._has() and self._passes(title, again)
            (self.unsteady if passed else self.failed).append(phase)

    def report(self) -> None:
        """Prints what was proven, what was not, and how long it took.

        Raises:
            ToolchainError: a phase failed.
        """
        _print_concepts(self.results)
        console.print(f"proven in {time.monotonic() - self.started:.0f} s, `up` included")
        for failure in proofs.failures(self.results):
            console.print(f"✗ {failure.test}\n{indent(failure.why, '    ')}", markup=False, highlight=False)
        if self.unsteady:
            console.print(f"unsteady, since what failed passed alone: {_titles(self.unsteady)}", style="yellow")
        if self.left_out:
            console.print(f"not proven, for want of time: {_titles(self.left_out)}", style="yellow")
        if self.failed:
            raise ToolchainError(
                f"failed: {_titles(self.failed)}",
                "every proof passes",
                "read the first failure above; `make status` shows more",
            )

    def _has(self, minutes: int = 0) -> bool:
        """Whether there is so much time."""
        return self.until is None or time.time() + 60 * minutes <= self.until

    def _passes(self, title: str, arguments: tuple[str, ...]) -> bool:
        command = [sys.executable, "-m", "pytest", "-q", *SLOWEST, *arguments]
        environment = os.environ | self.environment
        try:
            with step(title):
                subprocess.run(command, cwd=paths.ROOT, env=environment, timeout=SECONDS, check=True)
        except subprocess.CalledProcessError:
            return False
        except subprocess.TimeoutExpired:
            console.print(f"not at its end after {SECONDS} s, so it was ended; what it began may be there still")
            return False
        return True


def _titles(phases: Iterable[Phase]) -> str:
    return ", ".join(phase.title for phase in phases)


def _until(environment: Mapping[str, str]) -> float | None:
    """When the run must have ended, in seconds of Unix time.

    Raises:
        ToolchainError: what is said is no number.
    """
    said = environment.get(UNTIL)
    if not said:
        return None
    if not said.isdecimal():
        raise ToolchainError(
            f"{UNTIL}={said}", "it is a time in whole seconds since 1970", f"{UNTIL}=$(($(date +%s) + 3600)) make test"
        )
    return float(said)


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


def _print_concepts(results: Path) -> None:
    found = proofs.read(results)
    proofs.show(found)
    console.print(f"no proof passed for: {', '.join(proofs.unproven(found)) or 'none'}", style="dim")
