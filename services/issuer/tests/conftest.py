"""The issuer on free ports of loopback, with keys and clients of the tests' own."""

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, Running, running
from joserfc.jwk import ECKey

from app.main import create
from app.settings import IssuerSettings
from blueprint_kit.settings import load_settings

SECRET = "the-secret-of-alice"
CLIENT = {"secret_sha256": hashlib.sha256(SECRET.encode()).hexdigest(), "groups": ["blueprint:auditor"]}
URL = "https://issuer.test"


def new_key() -> dict[str, Any]:
    """A private key as the keys' file holds it."""
    key = ECKey.generate_key("P-256", private=True)
    return dict(key.as_dict(private=True, kid=key.thumbprint()))


def write_keys(folder: Path, *keys: dict[str, Any]) -> Path:
    """The keys' file."""
    file = folder / "keys.json"
    file.write_text(json.dumps({"keys": keys}))
    return file


def write_clients(folder: Path, **clients: object) -> Path:
    """The clients' file."""
    file = folder / "clients.json"
    file.write_text(json.dumps(clients))
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("issuer")
    write_keys(folder, new_key())
    write_clients(folder, alice=CLIENT)
    return folder


@pytest.fixture(scope="module")
def settings(folder: Path) -> IssuerSettings:
    files = {"keys_file": folder / "keys.json", "clients_file": folder / "clients.json"}
    return load_settings(IssuerSettings, issuer_url=URL, failures_allowed=1000, **files, **LOCAL)


@pytest.fixture(scope="module")
async def service(settings: IssuerSettings) -> AsyncIterator[Running]:
    async with running(create(settings), settings) as service:
        yield service


@pytest.fixture(scope="module")
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        yield client


def asked(secret: str = SECRET, **fields: str) -> dict[str, str]:
    """The form of a token request."""
    return {"grant_type": "client_credentials", "client_id": "alice", "client_secret": secret, **fields}
