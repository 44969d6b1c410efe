"""Notifications as Alertmanager sends them."""

from typing import Any

STARTED, ENDED, STILL = "2026-11-28T08:00:00.123456789Z", "2026-11-28T08:05:00Z", "0001-01-01T00:00:00Z"


def new_alert(name: str = "ServiceDown", fingerprint: object = "b0c3a7", **changed: Any) -> dict[str, Any]:
    """One alert that fires, or what `changed` makes of it."""
    return {
        "status": "firing",
        "labels": {"alertname": name, "severity": "page", "service": "catalog"},
        "annotations": {"summary": "catalog is down"},
        "startsAt": STARTED,
        "endsAt": STILL,
        "generatorURL": "http://prometheus.observability:9090/graph?g0.expr=up",
        "fingerprint": fingerprint,
        **changed,
    }


def new_notification(*alerts: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """One group. The alerts are one that fires unless they are given."""
    shown = list(alerts) or [new_alert()]
    name = shown[0]["labels"]["alertname"]
    return {
        "version": "4",
        "groupKey": f'{{}}/{{severity="page"}}:{{alertname="{name}", namespace="shop"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "pager",
        "groupLabels": {"alertname": name, "namespace": "shop"},
        "commonLabels": {"severity": "page"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.observability:9093",
        "alerts": shown,
        **changed,
    }


def resolved(name: str = "ServiceDown") -> dict[str, Any]:
    """The same group when all is well again."""
    return new_notification(new_alert(name, status="resolved", endsAt=ENDED), status="resolved")
