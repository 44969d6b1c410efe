"""The web service's own settings."""

from pathlib import Path

import pytest

from app.settings import WebSettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is required is set, and nothing else."""
    for name in WebSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("TOPOLOGY_FILE", "/etc/watched/topology.yaml")


def test_defaults_are_the_contract() -> None:
    settings = load_settings(WebSettings)
    assert settings.kubernetes_url == "https://kubernetes.default.svc"
    assert settings.service_account_folder == Path("/var/run/secrets/kubernetes.io/serviceaccount")
    assert settings.topology_namespaces == ("edge", "shop", "data")


def test_namespaces_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPOLOGY_NAMESPACES", "shop, data,")
    assert load_settings(WebSettings).topology_namespaces == ("shop", "data")


@pytest.mark.parametrize("value", ["", "shop,shop", "Shop", "shop/pods", "a b", "../secrets", "-a"])
def test_other_namespaces_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TOPOLOGY_NAMESPACES", value)
    with pytest.raises(SettingsError, match="TOPOLOGY_NAMESPACES"):
        load_settings(WebSettings)


@pytest.mark.parametrize("value", ["http://kubernetes.default.svc", "https://", "https://k/path", "https://k?x", "k"])
def test_token_goes_nowhere_but_to_an_https_origin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KUBERNETES_URL", value)
    with pytest.raises(SettingsError, match="KUBERNETES_URL"):
        load_settings(WebSettings)


def test_missing_topology_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOPOLOGY_FILE")
    with pytest.raises(SettingsError, match="TOPOLOGY_FILE is not set"):
        load_settings(WebSettings)


def test_without_a_prometheus_nothing_more_is_needed() -> None:
    settings = load_settings(WebSettings)
    assert (settings.graphs_file, settings.prometheus_url) == (None, None)


@pytest.mark.parametrize("name", ["GRAPHS_FILE", "PROMETHEUS_URL"])
def test_graphs_and_their_prometheus_are_given_together(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://prometheus.observability:9090")
    with pytest.raises(SettingsError, match="GRAPHS_FILE and PROMETHEUS_URL must be given together"):
        load_settings(WebSettings)


@pytest.mark.parametrize("value", ["prometheus:9090", "http://", "http://p/api", "ftp://p", "http://p?query=up", ""])
def test_prometheus_is_an_origin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GRAPHS_FILE", "/etc/watched/graphs.json")
    monkeypatch.setenv("PROMETHEUS_URL", value)
    with pytest.raises(SettingsError, match="PROMETHEUS_URL"):
        load_settings(WebSettings)
