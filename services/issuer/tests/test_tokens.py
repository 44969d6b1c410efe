"""Tokens: who gets one, what it says, and that only the published keys signed it."""

import base64
import time
from typing import Any

import httpx
import pytest
from blueprint_testing import Running, is_problem
from conftest import SECRET, URL, asked
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, KeySet

from app.settings import IssuerSettings
from app.tokens import signed_token

BASIC = base64.b64encode(f"alice:{SECRET}".encode()).decode()


async def published(client: httpx.AsyncClient) -> KeySet:
    """The keys as a verifier gets them."""
    return KeySet.import_key_set((await client.get("/jwks")).json())


async def token(client: httpx.AsyncClient) -> str:
    """A token of alice."""
    return str((await client.post("/token", data=asked())).json()["id_token"])


async def test_the_discovery_document_leads_to_what_there_is(client: httpx.AsyncClient) -> None:
    document = (await client.get("/.well-known/openid-configuration")).json()
    assert (document["issuer"], document["jwks_uri"]) == (URL, f"{URL}/jwks")
    assert document["token_endpoint"] == f"{URL}/token"
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]


async def test_nothing_private_is_published(client: httpx.AsyncClient) -> None:
    (key,) = (await client.get("/jwks")).json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_a_token_says_who_for_whom_and_for_how_long(client: httpx.AsyncClient) -> None:
    response = await client.post("/token", data=asked())
    answer = response.json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 300)
    assert answer["access_token"] == answer["id_token"]
    assert response.headers["cache-control"] == "no-store"
    decoded = jwt.decode(answer["id_token"], await published(client), algorithms=["ES256"])
    claims = decoded.claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == (URL, "alice", "blueprint")
    assert claims["groups"] == ["blueprint:auditor"]
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - time.time()) < 5


async def test_each_token_is_another(client: httpx.AsyncClient) -> None:
    assert await token(client) != await token(client)


async def test_a_token_that_was_changed_or_signed_by_another_is_told_apart(
    client: httpx.AsyncClient, service: Running, settings: IssuerSettings
) -> None:
    keys = await published(client)
    head, payload, signature = (await token(client)).split(".")
    forged = payload[:-4] + ("AAAA" if payload[-4:] != "AAAA" else "BBBB")
    with pytest.raises((BadSignatureError, JoseError, ValueError)):
        jwt.decode(f"{head}.{forged}.{signature}", keys, algorithms=["ES256"])
    ring = service.app.state.desk.keys.value
    stranger = ECKey.generate_key("P-256", {"kid": ring.signing.kid}, private=True)
    false = signed_token(type(ring)(stranger, KeySet([stranger])), settings, "alice", ["blueprint:auditor"])
    with pytest.raises(BadSignatureError):
        jwt.decode(false, keys, algorithms=["ES256"])


async def test_the_secret_may_come_by_http_basic(client: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Basic {BASIC}"}
    response = await client.post("/token", data={"grant_type": "client_credentials"}, headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("form", "headers", "status", "code"),
    [
        (asked("wrong"), {}, 401, "invalid_client"),
        (asked(""), {}, 401, "invalid_client"),
        (asked(client_id="bob"), {}, 401, "invalid_client"),
        (asked(client_id=""), {}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {"Authorization": "Bearer x"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {"Authorization": "Basic %%%"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {"Authorization": "Basic YWxpY2U="}, 401, "invalid_client"),
        (asked(), {"Authorization": f"Basic {BASIC}"}, 400, "invalid_request"),
        (asked(grant_type="password"), {}, 400, "unsupported_grant_type"),
        ({"client_id": "alice", "client_secret": SECRET}, {}, 400, "invalid_request"),
        ({f"field{number}": "x" for number in range(9)}, {}, 400, "invalid_request"),
        ({"grant_type": ["client_credentials", "client_credentials"]}, {}, 400, "invalid_request"),
    ],
)
async def test_who_does_not_prove_it_gets_none(
    client: httpx.AsyncClient, form: dict[str, Any], headers: dict[str, str], status: int, code: str
) -> None:
    response = await client.post("/token", data=form, headers=headers)
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert response.headers["content-type"] == "application/json"
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert SECRET not in response.text


@pytest.mark.parametrize("body", [b"", b"grant_type", b"grant_type=%ff", b"\xff", b"&&", b"a=1&a=2"])
async def test_a_body_that_is_no_form(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await client.post("/token", content=body, headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_a_body_of_another_type_or_too_large(client: httpx.AsyncClient) -> None:
    is_problem(await client.post("/token", json=asked()), 415, "unsupported-media-type")
    is_problem(await client.post("/token", data=asked(scope="x" * 10_000)), 413, "content-too-large")


async def test_tokens_are_counted_by_outcome(client: httpx.AsyncClient, service: Running) -> None:
    issued, refused = 'tokens_total{outcome="issued"}', 'tokens_total{outcome="invalid_client"}'
    before = await service.metric(issued), await service.metric(refused)
    await client.post("/token", data=asked())
    await client.post("/token", data=asked("wrong"))
    assert (await service.metric(issued), await service.metric(refused)) == (before[0] + 1, before[1] + 1)
