"""Alertmanager's file. Source: https://prometheus.io/docs/alerting/0.28/configuration/"""

from collections.abc import Mapping
from typing import Any

import yaml

from monitoring.alerting.model import Alerting, Inhibition, Matcher, Receiver, Route

WEBHOOK_TIMEOUT = "10s"
CATCH_ALL = 0
"""The first route's receiver also gets what has no severity: a slip in an alert's labels is rather told too loudly."""


def render(alerting: Alerting) -> str:
    """The whole file, in YAML."""
    return yaml.safe_dump(_configuration(alerting), sort_keys=False, allow_unicode=True, width=120)


def _configuration(alerting: Alerting) -> dict[str, Any]:
    receivers = {route.receiver.name: route.receiver for route in alerting.routes}
    grouping = alerting.grouping
    return {
        "global": {
            "smtp_smarthost": alerting.smarthost,
            "smtp_from": alerting.sender,
            # The mailbox is a pod of the same cluster that takes no login and that network policies let Alertmanager
            # alone reach: there is no password to hide. For a server outside this must be true, with a login.
            "smtp_require_tls": False,
        },
        "route": {
            "receiver": alerting.routes[CATCH_ALL].receiver.name,
            "group_by": list(grouping.by),
            "group_wait": grouping.wait,
            "group_interval": grouping.interval,
            "repeat_interval": grouping.repeat,
            "routes": [_route(route) for route in alerting.routes],
        },
        "inhibit_rules": [_inhibition(inhibition) for inhibition in alerting.inhibitions],
        "receivers": [_receiver(receiver, alerting.templates) for receiver in receivers.values()],
    }


def _route(route: Route) -> dict[str, Any]:
    return {"matchers": [str(Matcher("severity", (route.severity,)))], "receiver": route.receiver.name}


def _inhibition(inhibition: Inhibition) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "source_matchers": [str(matcher) for matcher in inhibition.cause],
        "target_matchers": [str(matcher) for matcher in inhibition.effects],
    }
    return rule | ({"equal": list(inhibition.same)} if inhibition.same else {})


def _receiver(receiver: Receiver, templates: Mapping[str, str]) -> dict[str, Any]:
    mails = [
        {
            "to": address,
            "send_resolved": True,
            "headers": {"Subject": templates["subject"]},
            "text": templates["text"],
            "html": "",  # else Alertmanager adds its own page, whose links lead to where nobody can go
        }
        for address in receiver.mails
    ]
    webhooks = [{"url": url, "send_resolved": True, "timeout": WEBHOOK_TIMEOUT} for url in receiver.webhooks]
    found: dict[str, Any] = {"name": receiver.name}
    if mails:
        found["email_configs"] = mails
    if webhooks:
        found["webhook_configs"] = webhooks
    return found
