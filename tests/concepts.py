"""A pytest plugin: which tests run, which concept each proves, and how it went. `toolchain.proving` makes one table.

A test names its concepts by `@pytest.mark.concept("B6", "A7")`; the names stand in docs/concepts/concepts.toml.
Where `BLUEPRINT_PROOFS` names a file, each result is added to it as a line of JSON, and each failure with its reason;
else a table ends the run. Tests marked `thorough` run only where `-m` asks for them.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from toolchain import proofs

THOROUGH = "thorough"
REASON_CHARACTERS = 1500
"""Of a failure, at the end of all runs; its whole text stands where it happened."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuses a mark that names no concept of the list, and leaves thorough tests out unless they are asked for."""
    known = proofs.concepts()
    for item in items:
        unknown = [identity for identity in _concepts(item) if identity not in known]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: no concept {', '.join(unknown)} in {proofs.CONCEPTS}")
    if THOROUGH not in config.option.markexpr:
        thorough = [item for item in items if item.get_closest_marker(THOROUGH)]
        config.hook.pytest_deselected(items=thorough)
        items[:] = [item for item in items if item not in thorough]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Notes for each report which concepts the test proves, and its first docstring line as the proof."""
    report = yield
    summary = (getattr(getattr(item, "function", None), "__doc__", None) or item.name).splitlines()[0]
    report.user_properties += [("concept", (identity, summary)) for identity in _concepts(item)]
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Hands on what was proven."""
    found = [
        proofs.Proof(identity, summary, result, report.duration)
        for result in proofs.RESULTS
        for report in terminalreporter.stats.get(result, [])
        for name, (identity, summary) in getattr(report, "user_properties", [])
        if name == "concept"
    ]
    file = os.environ.get(proofs.VARIABLE)
    if file:
        proofs.append(Path(file), [*found, *_failures(terminalreporter)])
    elif found:
        proofs.show(found)


def _failures(terminalreporter: Any) -> list[proofs.Failure]:
    reports = [report for result in ("error", "failed") for report in terminalreporter.stats.get(result, [])]
    return [proofs.Failure(report.nodeid, _reason(report)) for report in reports]


def _reason(report: Any) -> str:
    """The beginning of what the exception says; or, of what is no test's (a file that cannot be read), the end."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message)[:REASON_CHARACTERS] if crash else str(report.longrepr)[-REASON_CHARACTERS:]


def _concepts(item: pytest.Item) -> list[str]:
    return [str(identity) for mark in item.iter_markers("concept") for identity in mark.args]
