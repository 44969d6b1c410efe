"""The concept table: what several runs proved, merged, in the concepts' order."""

from pathlib import Path

import pytest

from toolchain import proofs
from toolchain.proofs import Failure, Proof

GOOD = Proof("B6", "both ways in answer", "passed", 1.0)


def test_results_of_several_runs_are_read_together(tmp_path: Path) -> None:
    file = tmp_path / "proofs.jsonl"
    proofs.append(file, [GOOD])
    proofs.append(file, [Proof("A9", "pulled", "failed", 2.0)])
    assert proofs.read(file) == [GOOD, Proof("A9", "pulled", "failed", 2.0)]
    assert proofs.read(tmp_path / "none") == []


def test_failures_stand_beside_the_proofs(tmp_path: Path) -> None:
    file = tmp_path / "proofs.jsonl"
    failure = Failure("tests/cluster/test_nodes.py::test_ready", "a node is not ready:\n  worker")
    proofs.append(file, [GOOD, failure])
    assert proofs.failures(file) == [failure]
    assert proofs.read(file) == [GOOD]
    assert proofs.failures(tmp_path / "none") == []


@pytest.mark.parametrize("worse", ["failed", "error", "skipped"])
def test_variants_of_a_test_count_as_their_worst(worse: str) -> None:
    found = [GOOD, GOOD._replace(result=worse, seconds=2.0)]
    assert proofs.merged(found) == [GOOD._replace(result=worse, seconds=3.0)]
    assert "B6" in proofs.unproven(found)
    assert "B6" not in proofs.unproven([GOOD])


def test_the_table_shows_concepts_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    proofs.show([GOOD, Proof("A9", "pulled", "passed", 2.0)])
    printed = capsys.readouterr().err
    assert printed.index("image registry") < printed.index("exposure to the outside")


def test_every_concept_of_the_list_has_an_id_and_a_name() -> None:
    known = proofs.concepts()
    chapters = {"A": 12, "B": 9, "C": 16, "D": 13, "E": 11, "F": 11, "G": 5, "H": 13, "I": 11, "J": 8}
    assert list(known) == [f"{chapter}{number}" for chapter, last in chapters.items() for number in range(1, last + 1)]
    assert all(name.strip() for name in known.values())
