"""The gateway's own settings."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from app.settings import GatewaySettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is required is set, and nothing else."""
    for name in GatewaySettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ROUTES_FILE", "/etc/gateway/routes.yaml")


def test_defaults_are_the_contract() -> None:
    settings = load_settings(GatewaySettings)
    assert (settings.service_name, settings.routes_file) == ("gateway", Path("/etc/gateway/routes.yaml"))
    assert settings.trusted_proxies == (), "nobody is believed unless told"


def test_trusted_proxies_are_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32,192.0.2.7,")
    networks = ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")
    assert load_settings(GatewaySettings).trusted_proxies == tuple(ip_network(network) for network in networks)


@pytest.mark.parametrize("value", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "*"])
def test_other_proxies_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", value)
    with pytest.raises(SettingsError, match=r"TRUSTED_PROXIES.* set TRUSTED_PROXIES: networks, comma-separated"):
        load_settings(GatewaySettings)


def test_missing_route_table_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUTES_FILE")
    with pytest.raises(SettingsError, match="ROUTES_FILE is not set: must be set"):
        load_settings(GatewaySettings)
