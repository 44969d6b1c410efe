"""Exceptions: each covers what it names and nothing else, and none outlives its reason."""

import pytest

from toolchain.audit import findings
from toolchain.audit.findings import Finding
from toolchain.errors import ToolchainError

REASON = "a reason that is long enough to be one"
NO_LIMIT = Finding("checkov", "CKV_K8S_11", "Deployment/shop/catalog", "CPU limits should be set")
AS_ROOT = Finding("checkov", "CKV_K8S_23", "Deployment/shop/catalog", "root containers")


def one(scanner: str = "checkov", rules: str = "CKV_K8S_11", places: str = "*", reason: str = REASON) -> str:
    return f'[[exception]]\nscanner = "{scanner}"\nrules = ["{rules}"]\nplaces = ["{places}"]\nreason = "{reason}"\n'


def test_what_is_excepted_is_no_failure() -> None:
    verdict = findings.judge([NO_LIMIT], findings.parse(one()))
    assert verdict.holds
    assert verdict.excepted == (NO_LIMIT,)


@pytest.mark.parametrize(
    "other",
    [
        one(rules="CKV_K8S_12"),
        one(places="Deployment/lab/*"),
        one(places="deployment/shop/catalog"),
        one(scanner="kube-score"),
    ],
)
def test_an_exception_covers_its_own_rule_place_and_scanner_alone(other: str) -> None:
    verdict = findings.judge([NO_LIMIT], findings.parse(other))
    assert verdict.failures == (NO_LIMIT,)
    assert not verdict.holds


def test_a_finding_beside_an_excepted_one_fails() -> None:
    assert findings.judge([NO_LIMIT, AS_ROOT], findings.parse(one())).failures == (AS_ROOT,)


def test_an_exception_that_nothing_needs_fails() -> None:
    verdict = findings.judge([], findings.parse(one()))
    assert not verdict.holds
    assert len(verdict.unneeded) == 2, "its rule and its place"


def test_each_rule_and_each_place_of_an_exception_must_be_needed() -> None:
    text = one().replace('["CKV_K8S_11"]', '["CKV_K8S_11", "CKV_K8S_99"]').replace('["*"]', '["*", "Job/shop/*"]')
    (rule, place) = findings.judge([NO_LIMIT], findings.parse(text)).unneeded
    assert "'CKV_K8S_99'" in rule
    assert "'Job/shop/*'" in place


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (one(scanner="trivy"), "scanner"),
        (one(reason="because"), "reason"),
        (one().replace('["*"]', "[]"), "places"),
        (one() + 'expires = "never"\n', "expires"),
        ("[[exceptions]]\n", "exceptions"),
        ("[[exception]\n", "exceptions.toml is valid"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(ToolchainError, match=said):
        findings.parse(text)


def test_the_project_s_exceptions_are_valid() -> None:
    assert findings.load()
