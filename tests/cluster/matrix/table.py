"""The whole matrix on a live cluster: who knocks, on what, and what became of it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from policies.flows.identities import IDENTITIES
from policies.flows.model import Identity
from tests.cluster.kube import Kube
from tests.cluster.matrix.hubble import DropLog
from tests.cluster.matrix.probing import KNOCK_SECONDS, Outcome, Prober, knock, prober_pod, remove, running
from tests.cluster.matrix.targets import Snapshot, Target
from tests.cluster.matrix.verdicts import Cell, Expected, Seen, Source, expected

SYSTEM = ("default", "kube-system")
"""The API server's Service is in the one, the name servers are in the other."""
STRANGER = "stranger"
"""The name of pods that no flow names."""
AT_A_TIME = 3
"""So many pods knock at the same time: more would make each other late on few cores."""
SECOND_LOOK_SECONDS = 2 * KNOCK_SECONDS


@dataclass(frozen=True)
class Matrix:
    """Sources with their probers, and doors.

    Attributes:
        kube: the cluster.
        probers: the pod of each source.
        doors: what there is to knock on at the moment.
    """

    kube: Kube
    probers: Mapping[Source, Prober]
    doors: Callable[[], Sequence[Target]]

    def cells(self, sources: Iterable[Source] | None = None) -> list[Cell]:
        """All cells of the sources, or of every source. A wrong one was seen wrong twice.

        The second look is for what a busy machine made late, and for records that it lost. It is at the door as it is
        by then: a pod that an autoscaler took away meanwhile is none, and is no cell.
        """
        doors = self.doors()
        chosen = {source: doors for source in (self.probers if sources is None else sources)}
        seen = {(cell.source, cell.target.name): cell for cell in self._look(chosen, KNOCK_SECONDS)}
        wrong = [place for place, cell in seen.items() if cell.wrong()]
        if wrong:
            still = {door.name: door for door in self.doors()}
            again: dict[Source, list[Target]] = {}
            for source, name in wrong:
                del seen[source, name]
                if name in still:
                    again.setdefault(source, []).append(still[name])
            seen |= {(cell.source, cell.target.name): cell for cell in self._look(again, SECOND_LOOK_SECONDS)}
        return list(seen.values())

    def _look(self, asked: Mapping[Source, Sequence[Target]], seconds: float) -> list[Cell]:
        if not asked:
            return []
        log = DropLog(self.kube)

        def outcomes(source: Source) -> dict[str, Outcome]:
            return knock(self.kube, self.probers[source], asked[source], seconds)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = dict(zip(asked, pool.map(outcomes, asked), strict=True))
        due = [(source, target, self._due(source, target)) for source in asked for target in asked[source]]
        log.wait_for(found[source][target.name].knock for source, target, must in due if not must.allowed)
        return [Cell(source, target, must, _seen(found[source][target.name], log)) for source, target, must in due]

    def _due(self, source: Source, target: Target) -> Expected:
        return expected(source, target, self.probers[source].node)


def _seen(outcome: Outcome, log: DropLog) -> Seen:
    return Seen(outcome.word, log.of(outcome.knock))


def sources(namespaces: Collection[str], foreign: str) -> list[Source]:
    """Every declared identity whose namespace is there, a stranger in each, and one in a namespace that is not ours."""
    declared = [Source(identity) for identity in IDENTITIES if identity.namespace in namespaces]
    strangers = [Source(Identity(namespace, STRANGER)) for namespace in namespaces]
    return [*declared, *strangers, Source(Identity(foreign, STRANGER), ours=False)]


@contextmanager
def probers(
    kube: Kube, who: Sequence[Source], namespaces: Mapping[str, str], image: str
) -> Iterator[dict[Source, Prober]]:
    """The pod of each source until the `with` ends.

    Args:
        kube: the cluster.
        who: the sources.
        namespaces: declared name → name in the cluster, of those whose names differ.
        image: of the pods; one with Python.
    """
    run = uuid4().hex[:8]
    places = {source: namespaces.get(source.identity.namespace, source.identity.namespace) for source in who}
    names = {source: f"prober-{source.identity.policy_name}-{run}" for source in who}
    try:
        kube.apply(*(prober_pod(names[one], places[one], one.identity.labels, run, image) for one in who))
        found = running(kube, run, len(who))
        yield {source: found[places[source], names[source]] for source in who}
    finally:
        remove(kube, run, set(places.values()))


def snapshot(kube: Kube, namespaces: Mapping[str, str]) -> Snapshot:
    """Our namespaces and the system's as they stand. Others are nobody's business: what is there comes and goes.

    Args:
        kube: the cluster.
        namespaces: our own: declared name → name in the cluster.
    """
    shown = {*namespaces.values(), *SYSTEM}

    def found(kind: str) -> list[dict[str, Any]]:
        return [one for one in kube.items(kind, "--all-namespaces") if one["metadata"]["namespace"] in shown]

    return Snapshot(found("pods"), found("services"), found("endpointslices"), kube.items("nodes"), namespaces)
