"""Settings: the contract of services/README.md, and how a bad value is refused."""

from pathlib import Path

import pytest

from app.main import create
from app.settings import OrdersSettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """The passwords' files, in an environment that sets what is required and nothing else."""
    for name in OrdersSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    made = tmp_path / "postgres", tmp_path / "nats"
    for file in made:
        file.write_text("secret\n")
    monkeypatch.setenv("POSTGRES_HOST", "postgres.data")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(made[0]))
    monkeypatch.setenv("NATS_PASSWORD_FILE", str(made[1]))
    return made


def test_defaults_are_the_contract() -> None:
    settings = load_settings(OrdersSettings)
    assert settings.service_name == "orders"
    assert (settings.postgres_database, settings.postgres_user, settings.nats_user) == ("orders", "orders", "orders")
    assert (settings.nats_url, settings.postgres_connections) == ("nats://nats.data:4222", 10)
    urls = settings.catalog_url, settings.inventory_url, settings.payments_url
    assert urls == ("http://catalog.shop", "http://inventory.shop", "http://payments.shop")


@pytest.mark.parametrize("name", ["CATALOG_URL", "INVENTORY_URL", "PAYMENTS_URL"])
@pytest.mark.parametrize("value", ["", "catalog.shop", "ftp://catalog.shop", "http://catalog.shop/products", "http://"])
def test_address_that_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings(OrdersSettings)
    (refusal,) = refused.value.refusals
    assert refusal.value == f"{name}={value!r}"
    assert refusal.remedy == f"set {name}: {OrdersSettings.model_fields[name.lower()].description}"


@pytest.mark.parametrize("missing", [0, 1])
def test_service_refuses_to_start_without_a_password(files: tuple[Path, Path], missing: int) -> None:
    settings = load_settings(OrdersSettings)
    files[missing].unlink()
    with pytest.raises(SettingsError, match=f"{files[missing]}: must be a readable text file"):
        create(settings)
