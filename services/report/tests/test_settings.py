"""Settings: the contract of services/README.md, and how a bad value is refused."""

from pathlib import Path

import pytest

from app.settings import MOST_DAYS, ReportSettings, read_days
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that sets what is required and nothing else."""
    for name in ReportSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NATS_PASSWORD_FILE", "/nothing")


def test_defaults_are_the_contract() -> None:
    settings = load_settings(ReportSettings)
    assert (settings.service_name, settings.nats_user) == ("report", "report")
    assert settings.report_folder == Path("/var/lib/report")
    assert (settings.report_seconds, settings.pushgateway_url, settings.pushgateway_seconds) == (120, "", 3)


@pytest.mark.parametrize("url", ["pushgateway:9091", "ftp://a", "http://a/metrics", "http://user@a", "http://"])
def test_address_that_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PUSHGATEWAY_URL", url)
    with pytest.raises(SettingsError, match=r"PUSHGATEWAY_URL=.*: String should match .*; set PUSHGATEWAY_URL: where"):
        load_settings(ReportSettings)


@pytest.mark.parametrize(
    ("arguments", "days"),
    [((), 7), (("--days", "1"), 1), (("--days=30",), 30), (("--days", str(MOST_DAYS)), MOST_DAYS)],
)
def test_days_are_those_of_the_argument(arguments: tuple[str, ...], days: int) -> None:
    assert read_days(arguments) == days


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("--days", "0"), "argument --days: '0' is not a whole number from 1 to 366"),
        (("--days", "367"), "argument --days: '367' is not a whole number from 1 to 366"),
        (("--days", "seven"), "argument --days: 'seven' is not a whole number from 1 to 366"),
        (("--days", ""), "argument --days: '' is not a whole number from 1 to 366"),
        (("--days",), "argument --days: expected one argument"),
        (("--weeks", "1"), "unrecognized arguments: --weeks 1"),
    ],
)
def test_bad_arguments_are_refused(arguments: tuple[str, ...], rule: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_days(arguments)
    (refusal,) = refused.value.refusals
    assert (refusal.rule, refusal.remedy) == (rule, "use --days N, with N from 1 to 366")
