"""Prometheus' API, and that of the store beside it, as a typed client. The way there is a port that kubectl forwards.

No policy permits a test to ask them, so it asks as their administrator would. A pod that was replaced takes the way
along; it is made anew then.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from tests.cluster.issuing import forwarded
from tests.cluster.kube import Kube

SPACE = "observability"
SERVER = ("pod/prometheus-0", 9090)
STORE_BESIDE = ("pod/victoria-metrics-0", 8428)
ASK_SECONDS = 30
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Sample:
    """One value of a series; `at` in seconds since 1970."""

    labels: Labels
    value: float
    at: float


@dataclass(frozen=True)
class Target:
    """One target as Prometheus sees it now; `at` is when it was scraped last."""

    job: str
    labels: Labels
    discovered: Labels
    health: str
    error: str
    at: datetime


@dataclass(frozen=True)
class Alert:
    """One alert; `state` is `pending` or `firing`."""

    name: str
    labels: Labels
    annotations: Labels
    state: str


@dataclass(frozen=True)
class Rule:
    """One rule; `kind` is `recording` or `alerting`, `health` is `ok`, `err` or `unknown` (not evaluated yet)."""

    name: str
    kind: str
    query: str
    health: str
    error: str


@dataclass
class Prometheus:
    """One server that speaks Prometheus' API."""

    kube: Kube
    pod: str
    port: int
    _way: ExitStack = field(default_factory=ExitStack)
    _http: httpx.Client | None = None

    def instant(self, query: str, at: float | None = None) -> list[Sample]:
        """What an expression is now, or was then: a vector, or a number as one sample without labels."""
        given = {"query": query} | ({"time": f"{at:.3f}"} if at else {})
        found = self.ask("query", **given)
        if found["resultType"] == "scalar":
            return [_sample({}, found["result"])]
        assert found["resultType"] == "vector", (
            f"{query}: {found['resultType']}; `history` gives the samples of a range"
        )
        return [_sample(one["metric"], one["value"]) for one in found["result"]]

    def total(self, query: str) -> float:
        """The sum of an expression's values; 0 where there is none."""
        return sum(sample.value for sample in self.instant(query))

    def by(self, label: str, query: str) -> dict[str, float]:
        """An expression's values by one of its labels."""
        return {sample.labels.get(label, ""): sample.value for sample in self.instant(query)}

    def history(
        self, selector: str, seconds: int, at: float | None = None
    ) -> dict[frozenset[tuple[str, str]], list[Sample]]:
        """All samples of a selector's series, as they were stored in the last seconds; by the series' labels."""
        given = {"query": f"{selector}[{seconds}s]"} | ({"time": f"{at:.3f}"} if at else {})
        found = self.ask("query", **given)
        assert found["resultType"] == "matrix", found["resultType"]
        return {
            frozenset(one["metric"].items()): [_sample(one["metric"], value) for value in one["values"]]
            for one in found["result"]
        }

    def targets(self) -> list[Target]:
        """All targets that are scraped."""
        return [
            Target(
                one["labels"]["job"],
                one["labels"],
                one["discoveredLabels"],
                one["health"],
                one["lastError"],
                datetime.fromisoformat(one["lastScrape"]),
            )
            for one in self.ask("targets", state="active")["activeTargets"]
        ]

    def alerts(self) -> list[Alert]:
        """All alerts that are pending or firing."""
        return [
            Alert(one["labels"]["alertname"], one["labels"], one["annotations"], one["state"])
            for one in self.ask("alerts")["alerts"]
        ]

    def rules(self) -> list[Rule]:
        """All rules that are loaded, in their order."""
        return [
            Rule(one["name"], one["type"], one["query"], one["health"], one.get("lastError", ""))
            for group in self.ask("rules")["groups"]
            for one in group["rules"]
        ]

    def ask(self, what: str, **parameters: str) -> Any:
        """The data of an answer of /api/v1. A refusal fails the test with the server's own words."""
        try:
            answer = self._client().get(f"/api/v1/{what}", params=parameters)
        except httpx.TransportError:
            self.close()  # the pod was replaced: once more, by a new way
            answer = self._client().get(f"/api/v1/{what}", params=parameters)
        assert answer.status_code == 200, f"{what} {parameters}: {answer.status_code} {answer.text[:500]}"
        body = answer.json()
        assert body["status"] == "success", f"{what} {parameters}: {body}"
        return body["data"]

    def close(self) -> None:
        """Ends the way there."""
        self._way.close()
        self._http = None

    def _client(self) -> httpx.Client:
        if self._http is None:
            port = self._way.enter_context(forwarded(self.kube, SPACE, self.pod, self.port))
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=ASK_SECONDS)
            self._http = self._way.enter_context(client)
        return self._http


@contextmanager
def prometheus_of(kube: Kube, server: tuple[str, int] = SERVER) -> Iterator[Prometheus]:
    """The running Prometheus, or the store beside it."""
    found = Prometheus(kube, *server)
    try:
        yield found
    finally:
        found.close()


def _sample(labels: Mapping[str, str], value: list[Any]) -> Sample:
    return Sample(labels, float(value[1]), float(value[0]))
