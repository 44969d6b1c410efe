"""Who is told of what, what is held back, and Alertmanager's own words on its file and its claim."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.observability import alertmanager
from monitoring import rules
from monitoring.alerting import ALERTING, render
from monitoring.alerting.model import Alerting, AlertingError, Inhibition, Matcher, checked, label
from monitoring.rules import Severity
from tests.image_programs import checked as checked_by

KNOWN = {alert.name for alert in rules.alerts()}
FILE = yaml.safe_load(render(ALERTING))
RECEIVERS = {receiver["name"]: receiver for receiver in FILE["receivers"]}
Labels = dict[str, str]


def told(labels: Labels) -> dict[str, Any]:
    """The receiver of an alert, as Alertmanager finds it: the first route that fits, else the trunk's."""
    for route in FILE["route"]["routes"]:
        if all(_fits(matcher, labels) for matcher in route["matchers"]):
            return dict(RECEIVERS[route["receiver"]])
    return dict(RECEIVERS[FILE["route"]["receiver"]])


def held_back(labels: Labels, while_there_is: Labels) -> bool:
    """Whether Alertmanager holds back an alert for another one's sake."""
    return any(
        all(_fits(matcher, while_there_is) for matcher in rule["source_matchers"])
        and all(_fits(matcher, labels) for matcher in rule["target_matchers"])
        and all(labels.get(name, "") == while_there_is.get(name, "") for name in rule.get("equal", []))
        for rule in FILE["inhibit_rules"]
    )


def _fits(matcher: str, labels: Labels) -> bool:
    name, _, values = matcher.replace("=~", "=").partition("=")
    return labels.get(name, "") in values.strip('"').split("|")


@pytest.mark.parametrize(
    ("severity", "mailed", "paged"), [("page", True, True), ("ticket", True, False), ("none", False, False)]
)
def test_a_severity_decides_who_is_told(severity: str, mailed: bool, paged: bool) -> None:
    receiver = told({"alertname": "Any", "severity": severity})
    mails = [one["to"] for one in receiver.get("email_configs", [])]
    pages = [one["url"] for one in receiver.get("webhook_configs", [])]
    assert mails == (["ops@blueprint.test"] if mailed else [])
    assert pages == (["http://pager.observability/alerts"] if paged else [])


def test_an_alert_without_a_severity_is_told_loudly() -> None:
    assert told({"alertname": "Slip"}) == told({"alertname": "Any", "severity": "page"})


def test_the_end_of_a_fault_is_told_as_well() -> None:
    ways = [one for receiver in RECEIVERS.values() for kind in receiver for one in receiver[kind] if kind != "name"]
    assert ways
    assert all(way["send_resolved"] for way in ways)


def test_a_mail_says_what_it_is_about_and_where_to_read_on() -> None:
    (mail,) = RECEIVERS["on-call"]["email_configs"]
    assert ".GroupLabels.alertname" in mail["headers"]["Subject"]
    for part in ("summary", "description", "runbook"):
        assert f".Annotations.{part}" in mail["text"]
    assert mail["html"] == ""


NODE = {"alertname": "NodeDown", "severity": "page", "node": "worker"}
ORDERS = {"namespace": "shop", "service": "orders"}
FAILING = {"alertname": "HighErrorRate", "severity": "page", **ORDERS}
DOWN = {"alertname": "ServiceDown", "severity": "page", **ORDERS}
STORE = {"alertname": "ServiceDown", "severity": "page", "namespace": "data", "service": "postgres"}
POD = {"namespace": "shop", "pod": "orders-1"}


@pytest.mark.parametrize(
    ("effect", "cause"),
    [
        ({"alertname": "PodCrashLooping", "node": "worker", **POD}, NODE),
        ({"alertname": "ServiceDown", "node": "worker", **ORDERS}, NODE),
        ({"alertname": "TargetMissing", "node": "worker", "job": "services"}, NODE),
        ({"alertname": "HighErrorRate", **ORDERS}, DOWN),
        ({"alertname": "TargetMissing", "job": "services", **ORDERS}, DOWN),
        ({"alertname": "PodCrashLooping", **ORDERS}, DOWN),
        ({"alertname": "HighLatency", **ORDERS}, FAILING),
        ({"alertname": "HighErrorRate", **ORDERS}, STORE),
        ({"alertname": "QueueStuck", **ORDERS}, STORE),
        ({"alertname": "TargetMissing", **POD}, {"alertname": "PodCrashLooping", **POD}),
        (
            {"alertname": "DiskFilling", "severity": "ticket", "node": "worker", "mountpoint": "/var"},
            {"alertname": "DiskFilling", "severity": "page", "node": "worker", "mountpoint": "/var"},
        ),
    ],
    ids=lambda labels: labels["alertname"],
)
def test_what_follows_from_an_alert_is_held_back(effect: Labels, cause: Labels) -> None:
    assert held_back(effect, cause)


@pytest.mark.parametrize(
    ("other", "alert"),
    [
        ({"alertname": "ServiceDown", "node": "worker2", **ORDERS}, NODE),
        ({"alertname": "ServiceDown", **ORDERS}, NODE),
        ({"alertname": "HighLatency", "namespace": "shop", "service": "inventory"}, FAILING),
        ({"alertname": "DiskFilling", "severity": "page", "node": "worker"}, NODE),
        ({"alertname": "HighErrorRate", "namespace": "shop", "service": "catalog"}, DOWN),
        ({"alertname": "GatewayErrorBudgetBurn", "severity": "page", "namespace": "edge"}, STORE),
        ({"alertname": "BrokerLag", "namespace": "data", "service": "nats"}, {"alertname": "QueueStuck", **ORDERS}),
        (
            {"alertname": "LabelExplosion", "severity": "ticket", "limit": "samples"},
            {"alertname": "MailQueueFailing", "severity": "page", "integration": "email"},
        ),
        (
            {"alertname": "DiskFilling", "severity": "ticket", "node": "worker2", "mountpoint": "/var"},
            {"alertname": "DiskFilling", "severity": "page", "node": "worker", "mountpoint": "/var"},
        ),
    ],
    ids=lambda labels: labels["alertname"],
)
def test_what_does_not_follow_is_told(other: Labels, alert: Labels) -> None:
    assert not held_back(other, alert)


def test_no_alert_holds_back_itself() -> None:
    for alert in rules.alerts():
        same = {"alertname": alert.name, **alert.labels, **ORDERS, "node": "worker"}
        assert not held_back(same, same), alert.name


def _changed(**fields: Any) -> Alerting:
    return dataclasses.replace(ALERTING, **fields)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (_changed(routes=ALERTING.routes[1:]), "severity page has 0 routes"),
        (_changed(routes=(*ALERTING.routes, ALERTING.routes[0])), "severity page has 2 routes"),
        (
            _changed(inhibitions=(Inhibition("?", (label("alertname", "NoSuch"),), ()),)),
            "NoSuch: no alert of monitoring/rules",
        ),
        (
            _changed(
                inhibitions=(Inhibition("?", (label("alertname", "NodeDown"),), (label("alertname", "NodeDown"),)),)
            ),
            "NodeDown would hold back itself",
        ),
        (
            _changed(
                inhibitions=(Inhibition("", (label("alertname", "NodeDown"),), (label("alertname", "ServiceDown"),)),)
            ),
            "nobody says why",
        ),
        (_changed(grouping=dataclasses.replace(ALERTING.grouping, wait="soon")), "'soon' is no duration"),
    ],
)
def test_what_cannot_be_meant_so_is_refused(declared: Alerting, message: str) -> None:
    with pytest.raises(AlertingError, match=message):
        checked(declared, KNOWN)


def test_a_matcher_reads_as_alertmanager_writes_it() -> None:
    assert str(Matcher("severity", (Severity.PAGE,))) == 'severity="page"'
    assert str(label("alertname", "One", "Two")) == 'alertname=~"One|Two"'


@pytest.mark.image_program
def test_alertmanager_takes_the_file(tmp_path: Path) -> None:
    file = tmp_path / alertmanager.FILE
    file.write_text(render(ALERTING))
    assert "SUCCESS" in checked_by("amtool", tmp_path, "check-config", file)


def test_silences_and_what_was_told_lie_in_a_claim() -> None:
    spec = alertmanager.alertmanager_set(alertmanager.AlertmanagerArgs("observability", "image"), "checksum")
    container = alertmanager.alertmanager_container("image")
    mounts = {mount.name: mount.mount_path for mount in container.volume_mounts}  # type: ignore[union-attr]
    assert f"--storage.path={mounts['data']}" in container.args  # type: ignore[operator]
    assert f"--config.file={mounts['configuration']}/{alertmanager.FILE}" in container.args  # type: ignore[operator]
    assert len(spec.volume_claim_templates) == 1  # type: ignore[arg-type]
