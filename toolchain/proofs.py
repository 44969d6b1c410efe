"""What the live tests proved, concept by concept, and what failed: a file that several runs fill, and its table."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from toolchain import paths
from toolchain.progress import console

VARIABLE = "BLUEPRINT_PROOFS"
CONCEPTS = "docs/concepts/concepts.toml"
RESULTS = ("passed", "skipped", "error", "failed")
"""From good to bad."""


class Proof(NamedTuple):
    """One test's word on one concept.

    Attributes:
        concept: the concept's id.
        summary: what the test shows, in a line.
        result: one of `RESULTS`.
        seconds: how long the test took.
    """

    concept: str
    summary: str
    result: str
    seconds: float


class Failure(NamedTuple):
    """A test that did not pass.

    Attributes:
        test: its node id, as pytest takes it.
        why: what it says of that, in a few lines.
    """

    test: str
    why: str


def concepts() -> dict[str, str]:
    """All concepts: id → name, in their order."""
    return {str(key): str(name) for key, name in tomllib.loads((paths.ROOT / CONCEPTS).read_text()).items()}


def append(file: Path, found: Iterable[Proof | Failure]) -> None:
    """Adds results to a file, one line of JSON each."""
    with file.open("a") as opened:
        opened.writelines(json.dumps({type(one).__name__: one}) + "\n" for one in found)


def read(file: Path) -> list[Proof]:
    """All proofs of a file; none where there is no file."""
    return [Proof(*one) for one in _of_kind(file, Proof)]


def failures(file: Path) -> list[Failure]:
    """All failures of a file; none where there is no file."""
    return [Failure(*one) for one in _of_kind(file, Failure)]


def _of_kind(file: Path, kind: type[Proof] | type[Failure]) -> list[list[Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [values for line in lines for name, values in json.loads(line).items() if name == kind.__name__]


def show(found: Iterable[Proof]) -> None:
    """Prints the concept table: id, concept, proof, result, seconds; in the concepts' order."""
    names = concepts()
    order = list(names)
    made = Table("id", "concept", "proof", "result", "s", title="Concepts proven on the live cluster")
    for proof in sorted(merged(found), key=lambda one: (order.index(one.concept), one.summary)):
        made.add_row(proof.concept, names[proof.concept], proof.summary, proof.result, f"{proof.seconds:.1f}")
    console.print(made)


def merged(found: Iterable[Proof]) -> list[Proof]:
    """One proof for the variants of a test: their worst result, their seconds together."""
    groups: dict[tuple[str, str], list[Proof]] = {}
    for proof in found:
        groups.setdefault((proof.concept, proof.summary), []).append(proof)
    return [
        Proof(*key, max((one.result for one in group), key=RESULTS.index), sum(one.seconds for one in group))
        for key, group in groups.items()
    ]


def unproven(found: Iterable[Proof]) -> list[str]:
    """The ids of the concepts for which no test passed, in their order."""
    proven = {proof.concept for proof in merged(found) if proof.result == "passed"}
    return [identity for identity in concepts() if identity not in proven]
