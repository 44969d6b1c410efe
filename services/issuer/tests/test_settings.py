"""Settings and files that are refused, each with its rule, and none of them saying a secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import CLIENT, new_key
from joserfc.jwk import ECKey, RSAKey

from app.clients import authenticate, parse_clients
from app.keys import parse_keys
from app.settings import IssuerSettings
from blueprint_kit.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    "url", ["http://issuer.test", "https://", "https://issuer.test/", "https://i.test?x", "issuer"]
)
def test_the_url_must_be_plain_https(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ISSUER_URL=.*https URL"):
        load_settings(IssuerSettings, issuer_url=url, keys_file=tmp_path, clients_file=tmp_path)


def test_what_must_be_set_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in IssuerSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(SettingsError) as refused:
        load_settings(IssuerSettings)
    assert {item.value for item in refused.value.refusals} == {
        f"{name} is not set" for name in ("ISSUER_URL", "KEYS_FILE", "CLIENTS_FILE")
    }


def public_key() -> dict[str, Any]:
    return {**ECKey.generate_key("P-256", private=True).as_dict(private=False), "kid": "x"}


def other_curve() -> dict[str, Any]:
    return {**ECKey.generate_key("P-384", private=True).as_dict(private=True), "kid": "x"}


def rsa() -> dict[str, Any]:
    return {**RSAKey.generate_key(2048, private=True).as_dict(private=True), "kid": "x"}


def unnamed() -> dict[str, Any]:
    return {key: value for key, value in new_key().items() if key != "kid"}


@pytest.mark.parametrize("made", [public_key, other_curve, rsa, unnamed])
def test_a_key_of_another_kind_is_refused_and_not_said(made: Any) -> None:
    key = made()
    with pytest.raises(SettingsError) as refused:
        parse_keys(json.dumps({"keys": [key]}))
    assert key.get("d", key["kty"] * 99) not in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"keys": []}', '{"keys": [1]}', '{"keys": null}', "{}"])
def test_keys_that_are_none(content: str) -> None:
    with pytest.raises(SettingsError, match="KEYS_FILE"):
        parse_keys(content)


def test_two_keys_of_one_id_are_refused() -> None:
    key = new_key()
    with pytest.raises(SettingsError, match="of its own"):
        parse_keys(json.dumps({"keys": [key, {**new_key(), "kid": key["kid"]}]}))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{", "its start"),
        ("[]", ""),
        ('{"alice": {}}', "alice.secret_sha256"),
        ('{"alice": {"secret_sha256": "abc", "groups": ["a"]}}', "alice.secret_sha256"),
        (json.dumps({"alice": {**CLIENT, "groups": []}}), "alice.groups"),
        (json.dumps({"alice": {**CLIENT, "secret": "clear"}}), "alice.secret"),
    ],
)
def test_clients_that_break_a_rule(content: str, place: str) -> None:
    with pytest.raises(SettingsError, match="CLIENTS_FILE") as refused:
        parse_clients(content)
    assert place in str(refused.value)
    assert "clear" not in str(refused.value).replace(place, "")


def test_nobody_has_the_secret_of_the_unknown() -> None:
    clients = parse_clients(json.dumps({"alice": CLIENT}))
    assert authenticate(clients, "alice", "the-secret-of-alice") == clients["alice"]
    assert authenticate(clients, "bob", "the-secret-of-alice") is None
    assert authenticate(clients, "alice", "\ud7ff") is None
