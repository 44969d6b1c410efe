"""The inventory's own settings."""

from pathlib import Path

import pytest

from app.main import create
from app.settings import InventorySettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The password's file, in an environment that sets what is required and nothing else."""
    for name in InventorySettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    file = tmp_path / "password"
    file.write_text("secret\n")
    monkeypatch.setenv("POSTGRES_HOST", "postgres.data")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(file))
    return file


def test_defaults_are_the_contract(file: Path) -> None:
    settings = load_settings(InventorySettings)
    assert (settings.service_name, settings.postgres_host) == ("inventory", "postgres.data")
    assert (settings.postgres_port, settings.postgres_database, settings.postgres_user) == (
        5432,
        "inventory",
        "inventory",
    )
    assert (settings.postgres_connections, settings.postgres_password_file) == (10, file)


@pytest.mark.parametrize("value", ["0", "101", "many"])
def test_bad_number_of_connections_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("POSTGRES_CONNECTIONS", value)
    with pytest.raises(SettingsError, match=f"POSTGRES_CONNECTIONS='{value}'.*set POSTGRES_CONNECTIONS: how many"):
        load_settings(InventorySettings)


def test_missing_password_is_refused_before_it_serves(file: Path) -> None:
    file.unlink()
    with pytest.raises(SettingsError, match=f"{file}: must be a readable text file"):
        create(load_settings(InventorySettings))
