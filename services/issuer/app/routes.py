"""The issuer's resources: discovery, public keys, tokens."""

import math
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import Counter

from app.clients import authenticate
from app.desk import Desk
from app.oauth import OAuthError, credentials_of, form_of
from app.schemas import TOKEN_FORM, Discovery, PublicKeys, Token, TokenError
from app.tokens import signed_token
from blueprint_kit.logs import logger
from blueprint_kit.openapi import problem_responses

TOKENS = Counter("tokens_total", "Token requests that were answered.", ["outcome"])
NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="issuer", charset="UTF-8"'}

log = logger(__name__)

router = APIRouter(responses=problem_responses())


def desk_of(request: Request) -> Desk:
    """What the application answers from."""
    return cast(Desk, request.app.state.desk)


Served = Annotated[Desk, Depends(desk_of)]


@router.get("/.well-known/openid-configuration")
async def get_configuration(desk: Served) -> Discovery:
    """Where everything is."""
    url = desk.settings.issuer_url
    return Discovery(issuer=url, jwks_uri=f"{url}/jwks", token_endpoint=f"{url}/token")


@router.get("/jwks", response_model=PublicKeys)
async def get_keys(desk: Served, response: Response) -> dict[str, Any]:
    """The public keys. What a verifier keeps, it should not keep for longer than a token is good."""
    response.headers["Cache-Control"] = f"max-age={desk.settings.token_seconds}"
    return desk.keys.value.public()


def _answers() -> dict[int | str, dict[str, Any]]:
    """Like every operation's, and RFC 6749's own shape where the request's meaning is refused."""
    own = {"content": {"application/json": {"schema": TokenError.model_json_schema()}}}
    answers = problem_responses()
    either = {**answers[400]["content"], **own["content"]}
    descriptions = {401: "The client is not known by this secret", 429: "Too many failures"}
    return {
        **answers,
        400: {"description": "The request is refused", "content": either},
        **{status: {"description": text, **own} for status, text in descriptions.items()},
    }


@router.post("/token", response_model=Token, responses=_answers(), openapi_extra=TOKEN_FORM)
async def post_token(request: Request, desk: Served) -> Response:
    """A token for the client whose secret this is (RFC 6749, section 4.4)."""
    address = request.client.host if request.client else "unknown"
    wait = desk.attempts.wait_seconds(address)
    if wait > 0:
        TOKENS.labels("slow_down").inc()
        return _no_token(429, "slow_down", "too many failed attempts", {"Retry-After": str(math.ceil(wait))})
    try:
        asked = credentials_of(form_of(await request.body()), request.headers.get("authorization"))
        client = authenticate(desk.clients.value, asked.client, asked.secret)
        if client is None:
            raise OAuthError("invalid_client", "the client or its secret is wrong")
    except OAuthError as refused:
        TOKENS.labels(refused.code).inc()
        log.warning("no token", code=refused.code, reason=refused.detail, client=address)
        if refused.code != "invalid_client":
            return _no_token(400, refused.code, refused.detail)
        desk.attempts.failed(address)
        return _no_token(401, refused.code, refused.detail, CHALLENGE)
    TOKENS.labels("issued").inc()
    log.info("token", subject=asked.client, seconds=desk.settings.token_seconds)
    token = signed_token(desk.keys.value, desk.settings, asked.client, client.groups)
    shown = Token(access_token=token, id_token=token, expires_in=desk.settings.token_seconds)
    return JSONResponse(shown.model_dump(), headers=NEVER_KEPT)


def _no_token(status: int, code: str, description: str, headers: dict[str, str] | None = None) -> Response:
    content = {"error": code, "error_description": description}
    return JSONResponse(content, status, NEVER_KEPT | (headers or {}))
