"""The rules: every alert says what it is, what to do, and has proofs that it fires and that it does not."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring import rules
from monitoring.rules import Alert, Severity
from tests.image_programs import checked

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "alerts.md"
SECTIONS = ("## Meaning", "## Impact", "## How to look", "## How to mend")
NAMES = {
    *("ServiceDown", "HighErrorRate", "HighLatency", "GatewayErrorBudgetBurn", "GatewayLatencyBudgetBurn"),
    *("PodCrashLooping", "NodeDown", "DiskFilling", "BrokerLag", "CertificateExpiring", "QueueStuck"),
    *("TargetMissing", "LabelExplosion", "MailQueueFailing", "Watchdog"),
}
ALERTS = rules.alerts()
EACH = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}-{alert.group}")
EACH_NAME = pytest.mark.parametrize("name", sorted(NAMES))


def proofs() -> list[dict[str, Any]]:
    """Every test that promtool runs."""
    files = sorted(rules.TESTS.glob("*.yaml"))
    return [test for path in files for test in yaml.safe_load(path.read_text())["tests"]]


def expected(test: dict[str, Any], name: str) -> list[list[dict[str, Any]]]:
    """What a test expects of the alert, each time that it looks."""
    return [look["exp_alerts"] for look in test.get("alert_rule_test", []) if look["alertname"] == name]


def test_the_alerts_are_those_of_the_contract() -> None:
    assert {alert.name for alert in ALERTS} == NAMES


@EACH
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert: Alert) -> None:
    assert alert.severity in Severity
    assert set(alert.annotations) == {"summary", "description", "runbook"}
    assert all(alert.annotations.values())
    assert alert.annotations["runbook"] == f"{rules.RUNBOOKS}/{alert.name}.md"


@EACH_NAME
def test_the_run_book_says_what_it_means_how_to_look_and_how_to_mend(name: str) -> None:
    text = (REPOSITORY / rules.RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
    look = text.split(SECTIONS[2])[1].split(SECTIONS[3])[0]
    (block,) = re.findall(r"```sh\n(.*?)```", look, re.DOTALL)
    assert block.startswith(("kubectl ", "docker ")), "a command, not a description of one"


def test_run_books_ask_only_for_series_that_rules_or_jobs_have() -> None:
    """A series of ours that is named in a run book is one that is recorded."""
    for path in sorted((REPOSITORY / rules.RUNBOOKS).glob("*.md")):
        named = set(re.findall(r"\b(?:service|node|pod|slo):[a-z0-9_]+:[a-z0-9_]+", path.read_text()))
        assert named <= set(rules.recorded()), path.name


@EACH_NAME
def test_there_is_a_proof_that_it_fires(name: str) -> None:
    fires = [test for test in proofs() if test["name"].startswith(f"{name} fires: ")]
    assert fires
    assert all(any(expected(test, name)) for test in fires)


@EACH_NAME
def test_there_is_a_proof_that_it_does_not(name: str) -> None:
    """But for the one that is always there."""
    silent = [test for test in proofs() if test["name"].startswith(f"{name} is silent: ")]
    assert bool(silent) != (name == "Watchdog")
    assert not any(alerts for test in silent for alerts in expected(test, name))


@EACH
def test_each_degree_of_an_alert_is_proven(alert: Alert) -> None:
    seen = [one["exp_labels"] for test in proofs() for look in expected(test, alert.name) for one in look]
    fixed = dict(alert.labels)
    assert any(fixed.items() <= labels.items() for labels in seen), f"no test fires {alert.name} with {fixed}"


def test_a_proof_is_named_after_what_it_proves() -> None:
    names = [test["name"] for test in proofs()]
    assert len(set(names)) == len(names)
    for test in proofs():
        name, _, what = test["name"].partition(" ")
        assert name in NAMES, test["name"]
        assert what.startswith(("fires: ", "is silent: ")), test["name"]
        assert expected(test, name), f"{test['name']}: it does not look at {name}"


def test_recorded_series_are_named_by_level_what_and_how() -> None:
    for name in rules.recorded():
        assert re.fullmatch(r"(service|node|pod):[a-z0-9_]+:[a-z0-9_]+|slo:gateway_[a-z_]+:[a-z0-9_]+", name), name


def test_the_page_lists_every_alert_with_its_severities() -> None:
    rows = dict(re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| ([a-z, ]+) \|", PAGE.read_text(), re.MULTILINE))
    severities = {name: [one.severity for one in ALERTS if one.name == name] for name in NAMES}
    assert rows == {name: ", ".join(dict.fromkeys(found)) for name, found in severities.items()}


@pytest.mark.image_program
def test_prometheus_takes_the_rules() -> None:
    checked("promtool", rules.FOLDER, "check", "rules", *sorted(rules.FOLDER.glob("*.yaml")))


@pytest.mark.image_program
@pytest.mark.parametrize("file", sorted(rules.TESTS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_proof_holds(file: Path) -> None:
    checked("promtool", rules.FOLDER, "test", "rules", file)
