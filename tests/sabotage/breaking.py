"""How a cause is broken on the live cluster, and mended again."""

import copy
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.kube import Kube, eventually, ready

ROLLOUT_SECONDS = 180
SETTLED_SECONDS = 240
_ROLLED = ("deployment", "statefulset")
_OF_THE_CLUSTER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
Object = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One object that is changed, and put back.

    Attributes:
        kind: as kubectl names it.
        namespace: where it is.
        name: its own.
        break_it: changes the object in place.
        recreate: whether what changes is immutable, so that the object has to be made anew.
        settles: whether the broken object's rollout comes to its end.
    """

    kind: str
    namespace: str
    name: str
    break_it: Callable[[Object], object]
    recreate: bool = False
    settles: bool = True

    @property
    def target(self) -> str:
        """What two breaks may not change at the same time."""
        return f"{self.namespace}/{self.name}"

    @contextmanager
    def made(self, kube: Kube) -> Iterator[None]:
        """The object is as the break wants it, until the body ends."""
        before = kube.get(self.kind, self.name, "--namespace", self.namespace)
        broken = copy.deepcopy(before)
        self.break_it(broken)
        try:
            self._put(kube, broken)
            if self.settles:
                self._rolled_out(kube)
            yield
        finally:
            self._put(kube, before)
            self._rolled_out(kube)

    def _put(self, kube: Kube, wanted: Object) -> None:
        found = copy.deepcopy(wanted)
        found.pop("status", None)
        for key in _OF_THE_CLUSTER:
            found["metadata"].pop(key, None)
        how = ["--force", "--grace-period=0"] if self.recreate else []
        if self.recreate and found["kind"] == "Job":
            _without_what_the_controller_adds(found)
        kube.run("replace", *how, "--filename", "-", stdin=json.dumps(found))

    def _rolled_out(self, kube: Kube) -> None:
        if self.kind in _ROLLED:
            status = ["rollout", "status", f"{self.kind}/{self.name}", "--namespace", self.namespace]
            kube.run(*status, f"--timeout={ROLLOUT_SECONDS}s", seconds=ROLLOUT_SECONDS + 10)


def _without_what_the_controller_adds(job: Object) -> None:
    del job["spec"]["selector"]
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        for key in [key for key in labels if key.rpartition("/")[2] in ("controller-uid", "job-name")]:
            del labels[key]


@dataclass(frozen=True)
class Act:
    """Something that is done to the cluster, and undone.

    Attributes:
        target: what two breaks may not act on at the same time.
        do: breaks it.
        undo: mends it.
    """

    target: str
    do: Callable[[Kube], object]
    undo: Callable[[Kube], object]

    @contextmanager
    def made(self, kube: Kube) -> Iterator[None]:
        """The act is in force until the body ends."""
        try:
            self.do(kube)
            yield
        finally:
            self.undo(kube)


@dataclass(frozen=True)
class Break:
    """A cause that is broken, and the live tests that must notice.

    Attributes:
        concepts: the ids whose proofs are put to the test.
        what: what no longer holds, in one sentence.
        steps: how; each is undone afterwards, the last one first.
        tests: the live tests, from `tests/cluster/`; each of them must fail.
        alone: whether it harms what other breaks stand on.
    """

    concepts: str
    what: str
    steps: Sequence[Change | Act]
    tests: Sequence[str]
    alone: bool = field(default=False)

    @contextmanager
    def made(self, kube: Kube) -> Iterator[None]:
        """Everything is broken until the body ends."""
        with ExitStack() as stack:
            for step in self.steps:
                stack.enter_context(step.made(kube))
            yield


def command(*arguments: str, seconds: float = 120) -> Callable[[Kube], object]:
    """A kubectl command."""
    return lambda kube: kube.run(*arguments, seconds=seconds)


def docker(*arguments: str) -> str:
    """A docker command, for what is broken from below Kubernetes."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=True).stdout


def replicas(kind: str, namespace: str, name: str, *, usual: int, broken: int = 0) -> Act:
    """A workload runs another number of pods."""
    scaled = ["scale", f"{kind}/{name}", "--namespace", namespace]

    def set_to(count: int) -> Callable[[Kube], object]:
        def act(kube: Kube) -> None:
            kube.run(*scaled, f"--replicas={count}")
            eventually(
                f"{kind} {namespace}/{name} has {count} pods, all ready, and none that is still going",
                lambda: _pods(kube, kind, namespace, name) == [True] * count,
                seconds=SETTLED_SECONDS,
            )

        return act

    return Act(f"{namespace}/{name}", set_to(broken), set_to(usual))


def _pods(kube: Kube, kind: str, namespace: str, name: str) -> list[bool]:
    """Of each pod that a workload selects, whether it is ready; one that is being deleted may serve on, and is not."""
    labels = kube.get(kind, name, "--namespace", namespace)["spec"]["selector"]["matchLabels"]
    chosen = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = kube.items("pods", "--namespace", namespace, "--selector", chosen)
    return [ready(pod) for pod in pods if pod["status"]["phase"] not in ("Succeeded", "Failed")]
