"""What a dashboard is, whoever draws it. Pure data: grafana.py, vmui.py and page.py each turn it into a viewer's JSON.

A panel has one query and says why somebody should look at it; a panel of which nobody can say that is not made.
"""

from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    """What a number means: Grafana's identifier, and the words where a viewer has no units of its own.

    Grafana's identifiers: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
    """

    REQUESTS = ("reqps", "requests/s")
    EVENTS = ("ops", "events/s")
    BYTES_RATE = ("Bps", "bytes/s")
    BYTES = ("bytes", "bytes")
    SECONDS = ("s", "s")
    RATIO = ("percentunit", "of 1")
    COUNT = ("short", "")
    CORES = ("short", "cores")
    MONEY = ("short", "of the currency")

    def __init__(self, grafana: str, words: str) -> None:
        self.grafana = grafana
        self.words = words


@dataclass(frozen=True)
class Panel:
    """One graph.

    Attributes:
        title: what it shows.
        unit: of its numbers.
        query: PromQL that Prometheus and VictoriaMetrics both understand, without any viewer's variables.
        why: what a reader learns from it, in a sentence.
        by: the labels that tell its lines apart; empty where there is one line.
    """

    title: str
    unit: Unit
    query: str
    why: str
    by: tuple[str, ...] = ()

    def legend(self) -> str:
        """The name of a line, as Grafana and vmui both fill it in."""
        return " ".join(f"{{{{{label}}}}}" for label in self.by) or self.title


@dataclass(frozen=True)
class Row:
    """Panels that are looked at together."""

    title: str
    panels: tuple[Panel, ...]

    def columns(self) -> int:
        """How many of them stand beside each other."""
        return 2 if len(self.panels) in (2, 4) else min(len(self.panels), 3)


@dataclass(frozen=True)
class Dashboard:
    """One page of graphs.

    Attributes:
        name: of its file, and Grafana's identifier of it; a DNS label.
        title: as the viewer lists it.
        why: the question that it answers.
        rows: what it shows, the most important first.
    """

    name: str
    title: str
    why: str
    rows: tuple[Row, ...]

    def panels(self) -> tuple[Panel, ...]:
        """All panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)
