"""The live cluster as the tests see it: kubectl, waiting on conditions, load, and diagnostics."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.cluster.api import reader
from toolchain import programs

KUBECTL_SECONDS = 60
POLL_SECONDS = 0.5
PATIENT_POLL_SECONDS = 2.0
"""Whoever has waited for long looks less often: each look takes the processor from what is waited for."""


@dataclass(frozen=True)
class Kube:
    """One cluster by its kubeconfig file."""

    kubeconfig: str

    def run(self, *arguments: str, stdin: str | None = None, seconds: float = KUBECTL_SECONDS) -> str:
        """What kubectl prints. A failure of kubectl fails the test with kubectl's own words."""
        done = self.attempt(*arguments, stdin=stdin, seconds=seconds)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def attempt(
        self, *arguments: str, stdin: str | None = None, seconds: float = KUBECTL_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl whatever it answers."""
        command = [str(programs.ensure("kubectl")), "--kubeconfig", self.kubeconfig, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object, or a list of them, as `kubectl get` gives it in JSON, for its arguments."""
        return reader(self.kubeconfig).get(*arguments)

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        return list(self.get(*arguments)["items"])

    def apply(self, *objects: dict[str, Any]) -> None:
        """Applies objects."""
        self.run("apply", "--filename", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def diagnostics(self, namespace: str) -> str:
        """What a failed test is judged by: pods, their conditions, and the latest events of a namespace."""
        pods = self.attempt("get", "pods", "--namespace", namespace, "--output", "wide").stdout
        events = self.attempt("get", "events", "--namespace", namespace, "--sort-by=.lastTimestamp").stdout
        return f"pods of {namespace}:\n{pods}\nevents:\n" + "\n".join(events.splitlines()[-20:])


def ready(pod: dict[str, Any]) -> bool:
    """Whether the pod's Ready condition is true and it is not being deleted."""
    conditions = {found["type"]: found["status"] for found in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def eventually(
    what: str, holds: Callable[[], bool], *, seconds: float, diagnose: Callable[[], str] = lambda: ""
) -> float:
    """Waits until the condition holds, and says how long it took.

    Raises:
        AssertionError: it did not hold in time; the message names what was waited for, with diagnostics.
    """
    started = time.monotonic()
    while not holds():
        waited = time.monotonic() - started
        assert waited < seconds, f"after {waited:.0f} s still not: {what}\n{diagnose()}"
        time.sleep(min(max(POLL_SECONDS, waited / 10), PATIENT_POLL_SECONDS))
    return time.monotonic() - started


@dataclass
class Load:
    """What a steady load saw."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


def _client() -> httpx.Client:
    return httpx.Client(timeout=10)


@contextmanager
def steady_load(
    url: str, *, clients: int = 4, pause: float = 0.02, connect: Callable[[], httpx.Client] = _client
) -> Iterator[Load]:
    """Reads the URL from several clients until the body of the `with` ends; everything but a 200 is a failure."""
    load, ended, guard = Load(), threading.Event(), threading.Lock()

    def read() -> None:
        with connect() as client:
            while not ended.is_set():
                failure = _failure(client, url)
                with guard:
                    load.answered += 1
                    load.failures += failure
                ended.wait(pause)

    threads = [threading.Thread(target=read, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=15)


def _failure(client: httpx.Client, url: str) -> list[str]:
    try:
        answer = client.get(url)
    except httpx.HTTPError as error:
        return [repr(error)]
    return [] if answer.status_code == 200 else [f"{answer.status_code} {answer.text[:200]}"]
