"""Recording and alerting rules, as Prometheus reads them, and how the rest of the program reads them.

The rules and their tests are plain YAML, for Prometheus and promtool. Owns reading them; what they mean stands in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
TESTS = FOLDER / "tests"
RUNBOOKS = "docs/runbooks"


class Severity(StrEnum):
    """What an alert asks of people."""

    PAGE = "page"
    """Somebody now."""
    TICKET = "ticket"
    """Somebody in working hours."""
    NONE = "none"
    """Nobody: it is for machines."""


@dataclass(frozen=True)
class Alert:
    """One alerting rule. Several may have the same name: the same fault in different degrees."""

    name: str
    group: str
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    seconds: str
    """How long it must hold, as Prometheus writes durations; empty for at once."""

    @property
    def severity(self) -> Severity:
        """Raises ValueError for one that is none of the three, KeyError for a rule that has none."""
        return Severity(self.labels["severity"])


def alerts() -> list[Alert]:
    """All alerting rules, in their order."""
    return [
        Alert(
            name=rule["alert"],
            group=group["name"],
            expression=rule["expr"],
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
            seconds=rule.get("for", ""),
        )
        for group in _groups()
        for rule in group["rules"]
        if "alert" in rule
    ]


def recorded() -> dict[str, str]:
    """The recording rules: the name of each series and how it is computed."""
    return {rule["record"]: rule["expr"] for group in _groups() for rule in group["rules"] if "record" in rule}


def _groups() -> Sequence[Mapping[str, Any]]:
    return [group for path in sorted(FOLDER.glob("*.yaml")) for group in yaml.safe_load(path.read_text())["groups"]]
