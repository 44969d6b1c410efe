"""The shapes that the issuer answers with, and the one that it takes."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class Discovery(BaseModel):
    """How clients find what the issuer offers: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata."""

    issuer: str
    jwks_uri: str
    token_endpoint: str
    response_types_supported: list[str] = ["id_token"]
    subject_types_supported: list[str] = ["public"]
    id_token_signing_alg_values_supported: list[str] = ["ES256"]
    grant_types_supported: list[str] = ["client_credentials"]
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic", "client_secret_post"]
    claims_supported: list[str] = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "groups"]


class PublicKey(BaseModel):
    """One key of the set (RFC 7517, section 4; RFC 7518, section 6.2.1)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class PublicKeys(BaseModel):
    """The keys that tokens may be signed with."""

    keys: list[PublicKey]


class Token(BaseModel):
    """A token. One JWT is both: the API server takes it as a bearer token, and tools look for it as `id_token`."""

    access_token: str
    id_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token
    expires_in: int


class TokenError(BaseModel):
    """Why there is none (RFC 6749, section 5.2)."""

    error: Literal["invalid_request", "invalid_client", "unsupported_grant_type", "slow_down"]
    error_description: str = Field(examples=["the client or its secret is wrong"])


TOKEN_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                        "scope": {"type": "string"},
                    },
                }
            }
        },
    }
}
