"""What Alertmanager has, and what it told whom: asked from inside, since the network lets no test reach these pods."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from tests.cluster.kube import Kube
from tests.cluster.shop import PYTHON

SPACE = "observability"
ALERTMANAGER = "alertmanager-0"
OWN = "http://localhost:9093"
ATTEMPTS = 5
"""Each takes its time: `exec` starts a program in a container."""
ALWAYS = frozenset({"Watchdog"})
SYMPTOMS = frozenset({"GatewayErrorBudgetBurn", "GatewayLatencyBudgetBurn"})
"""What customers see, whatever the cause; nothing holds them back."""
_FETCH = (
    "import sys, urllib.request as request;"
    "print(request.urlopen('http://127.0.0.1:8080' + sys.argv[1], timeout=10).read().decode())"
)
Group = tuple[str, str]
"""An alert's name and its namespace, which is empty for what lies in none."""


@dataclass(frozen=True)
class Active:
    """An alert that Alertmanager has now."""

    labels: dict[str, str]
    suppressed: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return self.labels["alertname"]

    @property
    def group(self) -> Group:
        """What it is told with."""
        return self.name, self.labels.get("namespace", "")


@dataclass(frozen=True)
class Told:
    """Alertmanager, the pager and the mailbox."""

    kube: Kube

    def active(self) -> list[Active]:
        """The alerts that fire, those that are held back among them; without the one that always does."""
        printed = self._json(self._amtool, "--output=json", "alert", "query", "--active", "--inhibited")
        found = [Active(one["labels"], one["status"]["state"] == "suppressed") for one in printed]
        return [one for one in found if one.name not in ALWAYS]

    def fires(self, name: str) -> bool:
        """Whether there is such an alert."""
        return name in json.dumps(self._json(self._amtool, "--output=json", "alert", "query", f"alertname={name}"))

    def silence(self, *matchers: str) -> str:
        """Makes a silence of ten minutes; its id."""
        return self._amtool("silence", "add", *matchers, "--duration=10m", "--author=test", "--comment=a test").strip()

    def expire(self, silence: str) -> None:
        """Ends a silence."""
        self._amtool("silence", "expire", silence)

    def silences(self) -> list[str]:
        """The ids of the silences in force."""
        return [one["id"] for one in self._json(self._amtool, "--output=json", "silence", "query")]

    def open_groups(self) -> set[Group]:
        """The groups of which the pager was told that they fire, and not yet that it is over."""
        newest_first = self._items("pager", "/api/pages")
        last = {_group(item): item["status"] for item in reversed(newest_first)}
        return {group for group, status in last.items() if status != "resolved"}

    def pages(self, since: datetime, status: str) -> list[Group]:
        """The group of each notification that the pager got since then."""
        items = self._items("pager", "/api/pages", since=since.isoformat(), status=status)
        return [_group(item) for item in items]

    def mails(self, since: datetime, status: str) -> list[Group]:
        """The group of each mail since then, as its subject says it: `[FIRING 2] ServiceDown in shop`."""
        subjects = [item["subject"] for item in self._items("mailbox", "/api/mails", since=since.isoformat())]
        told = [subject.partition("] ")[2] for subject in subjects if subject.startswith(f"[{status.upper()}")]
        return [(name, namespace) for name, _, namespace in (text.partition(" in ") for text in told)]

    def _items(self, service: str, path: str, **query: str) -> list[dict[str, Any]]:
        parameters = urlencode({**query, "size": 100})
        program = ["exec", "--namespace", SPACE, f"{service}-0", "--", PYTHON, "-c", _FETCH]
        return list(self._json(self.kube.run, *program, f"{path}?{parameters}")["items"])

    @staticmethod
    def _json(asks: Callable[..., str], *arguments: str) -> Any:
        """What a read answers. It changes nothing, so it is asked again where `exec` has lost the answer."""
        return json.loads(next(filter(None, (asks(*arguments) for _ in range(ATTEMPTS))), ""))

    def _amtool(self, *arguments: str) -> str:
        program = ["exec", "--namespace", SPACE, ALERTMANAGER, "--", "amtool", f"--alertmanager.url={OWN}"]
        return self.kube.run(*program, *arguments)


def _group(page: dict[str, Any]) -> Group:
    return page["group_labels"]["alertname"], page["group_labels"].get("namespace", "")
