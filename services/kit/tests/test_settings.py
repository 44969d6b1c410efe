"""Settings: what is refused, and how that is said."""

from pathlib import Path

import pytest

from blueprint_kit.settings import ServiceSettings, SettingsError, load_settings, read_secret

GOOD = {"SERVICE_NAME": "sample"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServiceSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_defaults_are_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_NAME", "sample")
    settings = load_settings(ServiceSettings)
    assert (settings.http_port, settings.metrics_port) == (8080, 9100)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("SERVICE_NAME", "Not A Label", "match pattern"),
        ("HTTP_PORT", "eighty", "valid integer"),
        ("HTTP_PORT", "65536", "less than or equal to 65535"),
        ("METRICS_PORT", "-1", "greater than or equal to 0"),
        ("HTTP_HOST", "nowhere", "IPv4 or IPv6 address"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("DRAIN_SECONDS", "-1", "greater than or equal to 0"),
        ("SHUTDOWN_SECONDS", "0", "greater than or equal to 1"),
        ("BODY_LIMIT_BYTES", "-1", "greater than or equal to 0"),
        ("HEAD_LIMIT_BYTES", "10", "greater than or equal to 1024"),
    ],
)
def test_bad_value_is_refused_with_value_rule_and_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    for key, good in (GOOD | {name: value}).items():
        monkeypatch.setenv(key, good)
    with pytest.raises(SettingsError) as refused:
        load_settings(ServiceSettings)
    (refusal,) = refused.value.refusals
    assert refusal.value == f"{name}={value!r}"
    assert rule in refusal.rule
    assert refusal.remedy.startswith(f"set {name}: ")


def test_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="SERVICE_NAME is not set: must be set; set SERVICE_NAME: the name of"):
        load_settings(ServiceSettings)


def test_all_refusals_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "x")
    with pytest.raises(SettingsError) as refused:
        load_settings(ServiceSettings)
    assert len(refused.value.refusals) == 2


def test_secret_is_the_files_text_without_its_line_break(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" with spaces \n")
    assert read_secret(tmp_path / "password") == " with spaces "


@pytest.mark.parametrize(
    ("content", "rule"), [(None, "must be a readable"), (b"", "must not be empty"), (b"\xff\xfe", "readable text")]
)
def test_bad_secret_file_is_refused(tmp_path: Path, content: bytes | None, rule: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=rule):
        read_secret(file)
