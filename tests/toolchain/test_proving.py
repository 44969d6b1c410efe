"""Which phases of `make test` are run, tried again, or left out."""

import time
from pathlib import Path

import pytest

from toolchain import proving
from toolchain.errors import ToolchainError
from toolchain.proving import Phase, Run

ALONE = ("-n", "0", "--last-failed", "--last-failed-no-failures", "none")
PHASE = Phase("live", ("tests/cluster", "-n", "5"), minutes=10)


class Answering(Run):
    """A run whose pytest answers as it is told; what it was given is in `given`."""

    def answer(self, *answers: bool) -> "Answering":
        self.given: list[tuple[str, ...]] = []
        self._answers = iter(answers)
        return self

    def _passes(self, _title: str, arguments: tuple[str, ...]) -> bool:
        self.given.append(arguments)
        return next(self._answers)


@pytest.fixture
def run(tmp_path: Path) -> Answering:
    return Answering(tmp_path / "proofs.jsonl")


def test_what_passes_is_not_run_again(run: Answering) -> None:
    run.answer(True).prove(PHASE)
    assert run.given == [PHASE.arguments]
    run.report()


def test_what_failed_is_tried_once_more_and_alone(run: Answering, capsys: pytest.CaptureFixture[str]) -> None:
    run.answer(False, True).prove(PHASE)
    assert run.given == [PHASE.arguments, (*PHASE.arguments, *ALONE)]
    run.report()
    assert "unsteady, since what failed passed alone: live" in capsys.readouterr().err


def test_what_fails_twice_has_failed(run: Answering) -> None:
    run.answer(False, False).prove(PHASE)
    with pytest.raises(ToolchainError, match="failed: live"):
        run.report()


@pytest.mark.parametrize("phase", [proving.KILLED, proving.GONE, proving.KEPT], ids=lambda phase: phase.arguments[0])
def test_tests_that_follow_from_each_other_have_one_try(run: Answering, phase: Phase) -> None:
    run.answer(False).prove(phase)
    assert run.failed == [phase]


def test_a_phase_that_there_is_no_time_for_is_left_out_and_the_run_says_so(
    run: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    run.until = time.time() + 60 * PHASE.minutes - 1
    run.answer().prove(PHASE)
    run.report()
    assert "not proven, for want of time: live" in capsys.readouterr().err


def test_a_phase_that_there_is_time_for_is_run(run: Answering) -> None:
    run.until = time.time() + 60 * PHASE.minutes + 60
    run.answer(True).prove(PHASE)
    assert run.left_out == []


def test_after_its_end_a_run_tries_nothing_again(run: Answering) -> None:
    run.until = time.time() - 1
    run.answer(False).prove(Phase("short", (), minutes=-1))
    assert len(run.given) == 1
    assert run.failed


@pytest.mark.parametrize("said", ["soon", "-5", "1.5"])
def test_an_end_that_is_no_number_is_refused(said: str) -> None:
    with pytest.raises(ToolchainError, match=rf"{proving.UNTIL}={said}\s.*whole seconds"):
        proving._until({proving.UNTIL: said})


@pytest.mark.parametrize(("said", "until"), [({}, None), ({proving.UNTIL: ""}, None), ({proving.UNTIL: "90"}, 90.0)])
def test_an_end_is_read(said: dict[str, str], until: float | None) -> None:
    assert proving._until(said) == until


@pytest.mark.parametrize(
    ("argument", "passes", "shown"), [("--version", True, "✓ live"), ("no/such/file", False, "✗ live")]
)
def test_a_phase_passes_when_pytest_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], argument: str, passes: bool, shown: str
) -> None:
    assert Run(tmp_path / "proofs.jsonl")._passes("live", (argument,)) is passes
    assert shown in capfd.readouterr().err
