"""Settings: the contract of services/README.md, and how a bad value is refused."""

from pathlib import Path

import pytest

from app.main import create
from app.settings import CatalogSettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The password's file, in an environment that sets what is required and nothing else."""
    for name in CatalogSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    file = tmp_path / "password"
    file.write_text("s3same\n")
    monkeypatch.setenv("POSTGRES_HOST", "postgres.data")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(file))
    return file


def test_defaults_are_the_contract(file: Path) -> None:
    settings = load_settings(CatalogSettings)
    assert settings.service_name == "catalog"
    assert (settings.postgres_host, settings.postgres_password_file) == ("postgres.data", file)
    assert (settings.postgres_port, settings.postgres_database, settings.postgres_user) == (5432, "catalog", "catalog")
    assert (settings.postgres_connections, settings.postgres_seconds, settings.migrate_seconds) == (5, 3, 120)
    assert (settings.valkey_host, settings.valkey_port, settings.valkey_user) == ("", 6379, "catalog")
    assert settings.valkey_password_file == Path("/run/secrets/valkey/password")
    assert (settings.valkey_seconds, settings.cache_seconds) == (0.1, 60)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("POSTGRES_HOST", "", "at least 1 character"),
        ("POSTGRES_PORT", "postgres", "valid integer"),
        ("POSTGRES_PORT", "0", "greater than or equal to 1"),
        ("POSTGRES_PORT", "65536", "less than or equal to 65535"),
        ("POSTGRES_DATABASE", "", "at least 1 character"),
        ("POSTGRES_USER", "", "at least 1 character"),
        ("POSTGRES_CONNECTIONS", "0", "greater than or equal to 1"),
        ("POSTGRES_CONNECTIONS", "101", "less than or equal to 100"),
        ("POSTGRES_SECONDS", "0", "greater than 0"),
        ("POSTGRES_SECONDS", "soon", "valid number"),
        ("MIGRATE_SECONDS", "-1", "greater than 0"),
        ("MIGRATE_SECONDS", "3601", "less than or equal to 3600"),
        ("VALKEY_PORT", "0", "greater than or equal to 1"),
        ("VALKEY_USER", "", "at least 1 character"),
        ("VALKEY_SECONDS", "0", "greater than 0"),
        ("VALKEY_SECONDS", "5.1", "less than or equal to 5"),
        ("CACHE_SECONDS", "0", "greater than or equal to 1"),
    ],
)
def test_bad_value_is_refused_with_value_rule_and_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings(CatalogSettings)
    (refusal,) = refused.value.refusals
    assert refusal.value == f"{name}={value!r}"
    assert rule in refusal.rule
    assert refusal.remedy == f"set {name}: {CatalogSettings.model_fields[name.lower()].description}"


def test_all_that_is_required_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_HOST")
    monkeypatch.delenv("POSTGRES_PASSWORD_FILE")
    with pytest.raises(SettingsError) as refused:
        load_settings(CatalogSettings)
    assert [item.value for item in refused.value.refusals] == [
        "POSTGRES_HOST is not set",
        "POSTGRES_PASSWORD_FILE is not set",
    ]


def test_service_refuses_to_start_without_its_password(file: Path) -> None:
    settings = load_settings(CatalogSettings)
    file.unlink()
    with pytest.raises(SettingsError, match=f"{file}: must be a readable text file .*; mount a file that holds"):
        create(settings)


def test_service_refuses_to_start_without_the_password_of_its_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VALKEY_HOST", "valkey.data")
    monkeypatch.setenv("VALKEY_PASSWORD_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match=r"nothing: must be a readable text file .*; mount a file that holds"):
        create(load_settings(CatalogSettings))


def test_password_is_not_among_the_settings() -> None:
    """So that no log or error of them can show it."""
    assert "s3same" not in repr(load_settings(CatalogSettings))
