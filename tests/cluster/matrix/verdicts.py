"""What each cell must be, what it was, and whether these agree. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.flows import asking
from policies.flows.flows import FLOWS
from policies.flows.model import Flow, Identity, Peer
from tests.cluster.matrix.hubble import POLICY_REASONS, Drop
from tests.cluster.matrix.prober import ANSWERED, CONNECTED, REFUSED, SILENT
from tests.cluster.matrix.targets import Target

ARRIVED = frozenset({CONNECTED, ANSWERED, REFUSED})
UNDECLARED = "no flow declares it"
UNGUARDED = "no policy of ours is about either end"


@dataclass(frozen=True)
class Source:
    """Who knocks.

    Attributes:
        identity: its namespace as declared, and its labels.
        ours: whether its namespace is one of those in which everything is denied that no flow declares.
    """

    identity: Identity
    ours: bool = True

    def __str__(self) -> str:
        return str(self.identity)


@dataclass(frozen=True)
class Expected:
    """What a cell must be, and the reason for it."""

    allowed: bool
    why: str


@dataclass(frozen=True)
class Seen:
    """What a cell was.

    Attributes:
        outcome: the prober's word for it.
        drop: the network's own record of a packet that it dropped; None if there is none.
    """

    outcome: str
    drop: Drop | None


@dataclass(frozen=True)
class Cell:
    """One source, one target, what must be and what was."""

    source: Source
    target: Target
    expected: Expected
    seen: Seen

    def wrong(self) -> str | None:
        """What is wrong with the cell; None if nothing is."""
        problem = _problem(self.expected, self.seen)
        if problem is None:
            return None
        expected = "allowed" if self.expected.allowed else "denied"
        verdict = self.seen.drop or "no drop"
        return (
            f"{self.source} → {self.target.name} ({self.target.address}): expected {expected} ({self.expected.why}), "
            f"seen {self.seen.outcome}; Hubble: {verdict}: {problem}"
        )


def expected(source: Source, target: Target, node: str, flows: Sequence[Flow] = FLOWS) -> Expected:
    """What a cell must be.

    Args:
        source: who knocks.
        target: on what.
        node: the node that the source is on.
        flows: what is declared.
    """
    destination = target.seen_from(node)
    if destination is None:  # what no flow can name
        return Expected(False, UNDECLARED) if source.ours else Expected(True, UNGUARDED)
    flow = asking.allowed(source.identity, destination, target.inner_port, target.protocol, flows)
    if flow is not None:
        return Expected(True, flow.why)
    guarded = source.ours or isinstance(destination, Identity) or destination is Peer.METADATA
    return Expected(False, UNDECLARED) if guarded else Expected(True, UNGUARDED)


def _problem(expected: Expected, seen: Seen) -> str | None:
    if expected.allowed:
        if seen.drop is not None:
            return "a packet was dropped"
        return None if seen.outcome in ARRIVED else "nothing arrived"
    if seen.outcome != SILENT:
        return "it is not silent"
    if seen.drop is None:
        return "nothing was dropped, so it is silent for another reason"
    if seen.drop.reason not in POLICY_REASONS:
        return f"dropped for another reason than a policy: {seen.drop.reason}"
    return None


def report(cells: Iterable[Cell]) -> str:
    """The wrong cells, a line each; empty if there is none."""
    return "\n".join(problem for cell in cells if (problem := cell.wrong()) is not None)
