"""Keys and clients are replaced while the issuer runs, and no good token becomes bad by it."""

from pathlib import Path
from typing import Any

import pytest
from blueprint_testing import LOCAL, Running, eventually, running
from conftest import CLIENT, URL, asked, new_key, write_clients, write_keys
from joserfc import jwt
from joserfc.jwk import KeySet

from app.main import create
from app.settings import IssuerSettings
from blueprint_kit.settings import load_settings


def own(folder: Path, **given: Any) -> IssuerSettings:
    """Settings with files of this folder."""
    files = {"keys_file": folder / "keys.json", "clients_file": folder / "clients.json"}
    return load_settings(IssuerSettings, issuer_url=URL, **files, **LOCAL, **given)


async def published(service: Running) -> list[str]:
    """The ids of the published keys."""
    async with service.client() as client:
        return [key["kid"] for key in (await client.get("/jwks")).json()["keys"]]


async def test_a_token_of_the_key_before_stays_good_until_that_key_is_gone(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    write_keys(tmp_path, old)
    write_clients(tmp_path, alice=CLIENT)
    settings = own(tmp_path)
    async with running(create(settings), settings) as service, service.client() as client:
        earlier = (await client.post("/token", data=asked())).json()["id_token"]
        write_keys(tmp_path, new, old)

        async def both() -> bool:
            return await published(service) == [new["kid"], old["kid"]]

        await eventually(both)
        later = (await client.post("/token", data=asked())).json()["id_token"]
        keys = KeySet.import_key_set((await client.get("/jwks")).json())
        signers = [jwt.decode(token, keys, algorithms=["ES256"]).header["kid"] for token in (earlier, later)]
        assert signers == [old["kid"], new["kid"]]


async def test_a_client_that_is_taken_away_gets_no_more_tokens(tmp_path: Path) -> None:
    write_keys(tmp_path, new_key())
    write_clients(tmp_path, alice=CLIENT)
    settings = own(tmp_path, failures_allowed=1000)
    async with running(create(settings), settings) as service, service.client() as client:
        assert (await client.post("/token", data=asked())).status_code == 200
        write_clients(tmp_path, bob=CLIENT)

        async def refused() -> bool:
            return (await client.post("/token", data=asked())).status_code == 401

        await eventually(refused)
        assert (await client.post("/token", data=asked(client_id="bob"))).status_code == 200
        write_clients(tmp_path, bob={"groups": []})
        failed = f'config_reload_failed{{file="{tmp_path / "clients.json"}"}}'

        async def noticed() -> bool:
            return await service.metric(failed) == 1

        await eventually(noticed)
        assert (await client.post("/token", data=asked(client_id="bob"))).status_code == 200, "the ones before stay"


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_first_key_signs(tmp_path: Path, kept: int) -> None:
    keys = [new_key() for _ in range(kept + 1)]
    write_keys(tmp_path, *keys)
    write_clients(tmp_path, alice=CLIENT)
    ring = create(own(tmp_path)).state.desk.keys.value
    assert ring.signing.kid == keys[0]["kid"]
    assert len(ring.public()["keys"]) == kept + 1
