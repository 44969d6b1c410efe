"""What decides who is told of an alert. What there is stands in `alerting.py`, and `rendering.py` writes it down."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitoring.rules import Severity

_DURATION = re.compile(r"([0-9]+(s|m|h|d))+")


class AlertingError(ValueError):
    """A declaration that cannot be meant so."""


@dataclass(frozen=True)
class Matcher:
    """What a label of an alert must be.

    Attributes:
        label: its name.
        values: the values of which it has one.
    """

    label: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f'{self.label}="{self.values[0]}"'
        return f'{self.label}=~"{"|".join(self.values)}"'


def label(name: str, *values: str) -> Matcher:
    """A label that has one of the values."""
    return Matcher(name, values)


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told.

    Attributes:
        name: what routes call it.
        mails: addresses that get a mail.
        webhooks: URLs that get a POST of JSON.
    """

    name: str
    mails: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """Alerts of a severity go to a receiver."""

    severity: Severity
    receiver: Receiver


@dataclass(frozen=True)
class Inhibition:
    """While there is a cause, what follows from it is not told.

    Attributes:
        why: how the one follows from the other.
        cause: what the alert that is told is like.
        effects: what the alerts that are held back are like.
        same: labels that must be the same in both, or absent from both.
    """

    why: str
    cause: tuple[Matcher, ...]
    effects: tuple[Matcher, ...]
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grouping:
    """How many alerts make one notification, and when it is sent.

    Attributes:
        by: alerts that have these labels in common come together.
        wait: how long a new group waits for more of its kind.
        interval: how long until a change in a group is told, or a failed notification is tried in a new round.
        repeat: how long until a group that goes on is told again.
    """

    by: tuple[str, ...]
    wait: str
    interval: str
    repeat: str


@dataclass(frozen=True)
class Alerting:
    """Everything that Alertmanager is told."""

    smarthost: str
    sender: str
    grouping: Grouping
    routes: tuple[Route, ...]
    inhibitions: tuple[Inhibition, ...]
    templates: Mapping[str, str] = field(default_factory=dict)
    """Name of a mail's part (`subject`, `text`) → its template in Go's language."""


def checked(alerting: Alerting, known: Iterable[str]) -> Alerting:
    """The declaration, if it is whole.

    Raises:
        AlertingError: a severity has no route or two; an inhibition names no alert of the rules, would hold back its
            own cause, or gives no reason; a duration is none.
    """
    routed = [route.severity for route in alerting.routes]
    for severity in Severity:
        if routed.count(severity) != 1:
            raise AlertingError(f"severity {severity} has {routed.count(severity)} routes; give it one in ROUTES")
    for inhibition in alerting.inhibitions:
        _check(inhibition, set(known))
    for duration in (alerting.grouping.wait, alerting.grouping.interval, alerting.grouping.repeat):
        if not _DURATION.fullmatch(duration):
            raise AlertingError(f"{duration!r} is no duration; write it like 30s, 5m, 4h")
    return alerting


def _check(inhibition: Inhibition, known: set[str]) -> None:
    cause, effects = _names(inhibition.cause), _names(inhibition.effects)
    if not cause | effects <= known:
        unknown = ", ".join(sorted((cause | effects) - known))
        raise AlertingError(f"{unknown}: no alert of monitoring/rules; name one that there is")
    if cause & effects:
        raise AlertingError(f"{', '.join(cause & effects)} would hold back itself; leave it out of the effects")
    if not inhibition.why:
        raise AlertingError(f"{sorted(cause)} hold back {sorted(effects)}: nobody says why; say it")


def _names(matchers: Iterable[Matcher]) -> set[str]:
    return {value for matcher in matchers if matcher.label == "alertname" for value in matcher.values}
