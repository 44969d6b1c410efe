"""The load generator's own settings."""

import pytest

from app.settings import LoadgenSettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set."""
    for name in LoadgenSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_defaults_are_the_contract() -> None:
    settings = load_settings(LoadgenSettings)
    assert (settings.gateway_url, settings.final_seconds) == ("http://gateway.edge", 60)


@pytest.mark.parametrize("url", ["gateway", "ftp://gateway", "http://", "http://gateway/path", "http://gateway?x"])
def test_other_urls_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GATEWAY_URL", url)
    with pytest.raises(SettingsError, match="GATEWAY_URL"):
        load_settings(LoadgenSettings)
