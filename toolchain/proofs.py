"""What the live tests proved, concept by concept: a file of results that several runs fill, and the table of it."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

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


def concepts() -> dict[str, str]:
    """All concepts: id → name, in their order."""
    return {str(key): str(name) for key, name in tomllib.loads((paths.ROOT / CONCEPTS).read_text()).items()}


def append(file: Path, found: Iterable[Proof]) -> None:
    """Adds results to a file, one line of JSON each."""
    with file.open("a") as opened:
        opened.writelines(json.dumps(proof) + "\n" for proof in found)


def read(file: Path) -> list[Proof]:
    """All results of a file; none where there is no file."""
    return [Proof(*json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


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
