"""An `up` that is killed, and killed again: `make test` runs this first, where there is no cluster, and then goes on.

So every later proof is one of a stack whose making was broken off twice, and whose nodes went away in between.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.kube import eventually
from tests.cluster.nodes import docker
from toolchain import kind, lifecycle, paths
from toolchain.kind import Health

BLUEPRINT = paths.ROOT / ".venv" / "bin" / "blueprint"
REACHED_SECONDS = 900
"""Programs and images are there before: `make test` sees to that."""
DEAD_SECONDS = 30


@pytest.mark.concept("A11")
def test_an_up_that_was_killed_leaves_what_the_next_one_goes_on_with() -> None:
    """`up` is killed while nodes are made, the next one while Cilium is installed; then the nodes are removed."""
    name = lifecycle.settings().cluster
    if kind.health(name) is not Health.ABSENT:
        pytest.skip(f"the cluster {name} is there: it would be taken for half made; `make down` removes it")
    _killed_up("a node is made", lambda: _runs(f"{name}-worker"))
    assert kind.health(name) is Health.HALF_MADE
    _killed_up("Cilium is being installed", lambda: _has_daemon_set(name))
    assert kind.health(name) is Health.HEALTHY
    docker("rm", "--force", "--volumes", *docker("ps", "--all", "--quiet", "--filter", f"network={name}").split())
    assert kind.health(name) is Health.ABSENT


def _killed_up(when: str, holds: Callable[[], bool]) -> None:
    """Starts `up`, and kills it with every program that it started as soon as the condition holds."""
    with subprocess.Popen([str(BLUEPRINT), "up"], start_new_session=True) as running:

        def reached() -> bool:
            assert running.poll() is None, f"`up` ended by itself with {running.returncode} before {when}"
            return holds()

        try:
            eventually(when, reached, seconds=REACHED_SECONDS)
        finally:
            dead = "every program that `up` started is dead"
            eventually(dead, lambda: not _kill_session(running.pid), seconds=DEAD_SECONDS)


def _kill_session(session: int) -> list[int]:
    """Kills what lives of a session, whatever process groups it made; returns those that it found alive.

    All are stopped before the first is killed: kind, for one, removes its nodes when a `docker` that it started dies.
    """
    found = _living(session)
    for what in (signal.SIGSTOP, signal.SIGKILL):
        for process in found:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(process, what)
    return found


def _living(session: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(int(stat.parent.name))
    return found


def _runs(container: str) -> bool:
    return bool(docker("ps", "--quiet", "--filter", f"name=^{container}$").strip())


def _has_daemon_set(name: str) -> bool:
    kubectl = ["docker", "exec", f"{name}-control-plane", "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
    command = [*kubectl, "--namespace", "kube-system", "get", "daemonset", "cilium"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
