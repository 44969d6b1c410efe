"""Which phases of `make test` may try again."""

from collections.abc import Mapping

import pytest

from toolchain import proving

ALONE = ("-n", "0", "--last-failed", "--last-failed-no-failures", "none")


def _runs(monkeypatch: pytest.MonkeyPatch, *results: bool) -> list[tuple[str, ...]]:
    """Pytest answers so, one run after the other; what it was given is in the list."""
    given: list[tuple[str, ...]] = []
    answers = iter(results)

    def run(_title: str, arguments: tuple[str, ...], _environment: Mapping[str, str]) -> bool:
        given.append(arguments)
        return next(answers)

    monkeypatch.setattr(proving, "_passes", run)
    return given


@pytest.mark.parametrize(("again", "proven"), [(True, True), (False, False)])
def test_what_failed_side_by_side_is_tried_once_more_and_alone(
    monkeypatch: pytest.MonkeyPatch, again: bool, proven: bool
) -> None:
    given = _runs(monkeypatch, False, again)
    assert proving._proves(proving.SIDE_BY_SIDE, ("tests/cluster",), {}) is proven
    assert given == [("tests/cluster",), ("tests/cluster", *ALONE)]


def test_what_passes_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given = _runs(monkeypatch, True)
    assert proving._proves(proving.SIDE_BY_SIDE, ("tests/cluster",), {})
    assert len(given) == 1


@pytest.mark.parametrize("title", [title for title in proving.PHASES if title != proving.SIDE_BY_SIDE])
def test_what_runs_alone_has_one_try(monkeypatch: pytest.MonkeyPatch, title: str) -> None:
    given = _runs(monkeypatch, False)
    assert not proving._proves(title, ("tests/chaos",), {})
    assert len(given) == 1
