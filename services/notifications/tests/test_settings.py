"""Settings: the contract of services/README.md, and how a bad value is refused."""

from pathlib import Path

import pytest

from app.main import create
from app.settings import NotificationsSettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The password's file, in an environment that sets what is required and nothing else."""
    for name in NotificationsSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    file = tmp_path / "nats"
    file.write_text("secret\n")
    monkeypatch.setenv("NATS_PASSWORD_FILE", str(file))
    return file


def test_defaults_are_the_contract() -> None:
    settings = load_settings(NotificationsSettings)
    assert (settings.service_name, settings.nats_user) == ("notifications", "notifications")
    assert settings.receipts_folder == Path("/var/lib/notifications")


def test_service_refuses_to_start_without_its_password(
    monkeypatch: pytest.MonkeyPatch, password: Path, folder: Path
) -> None:
    monkeypatch.setenv("RECEIPTS_FOLDER", str(folder))
    settings = load_settings(NotificationsSettings)
    create(settings)
    password.unlink()
    with pytest.raises(SettingsError, match=f"{password}: must be a readable text file"):
        create(settings)


def test_service_refuses_to_start_where_the_folder_is_a_file(monkeypatch: pytest.MonkeyPatch, password: Path) -> None:
    monkeypatch.setenv("RECEIPTS_FOLDER", str(password))
    with pytest.raises(SettingsError, match=f"RECEIPTS_FOLDER='{password}': must be a folder that is there; mount"):
        create(load_settings(NotificationsSettings))
