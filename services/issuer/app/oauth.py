"""A token request and its refusals, as RFC 6749 has them (sections 2.3.1, 4.4 and 5.2)."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote_plus

GRANT = "client_credentials"
FIELDS = 8
Code = Literal["invalid_request", "invalid_client", "unsupported_grant_type"]


class OAuthError(Exception):
    """A request that gets no token. `code` is RFC 6749's; `detail` never repeats what the client sent."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Credentials:
    """Who asks, and the secret that shall prove it."""

    client: str
    secret: str


def form_of(body: bytes) -> Mapping[str, str]:
    """The fields of a form; each may come once (section 3.2). Raises OAuthError."""
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=FIELDS,
        )
    except (ValueError, UnicodeError):
        raise OAuthError("invalid_request", f"the body must be a form of at most {FIELDS} fields in UTF-8") from None
    if len({name for name, _ in fields}) < len(fields):
        raise OAuthError("invalid_request", "a field comes more than once")
    return dict(fields)


def credentials_of(form: Mapping[str, str], authorization: str | None) -> Credentials:
    """The client's credentials, from the header or from the form but not from both. Raises OAuthError."""
    grant = form.get("grant_type")
    if grant is None:
        raise OAuthError("invalid_request", "grant_type is missing")
    if grant != GRANT:
        raise OAuthError("unsupported_grant_type", f"grant_type must be {GRANT}")
    in_form = "client_secret" in form
    if authorization is not None and in_form:
        raise OAuthError("invalid_request", "the client's secret must come in one way, not in two")
    if authorization is not None:
        return _basic(authorization)
    if not in_form or not form.get("client_id"):
        raise OAuthError("invalid_client", "client_id and client_secret are needed, by HTTP Basic or in the form")
    return Credentials(form["client_id"], form["client_secret"])


def _basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        client, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        if not colon:
            raise ValueError("no colon")
        return Credentials(unquote_plus(client, errors="strict"), unquote_plus(secret, errors="strict"))
    except (ValueError, binascii.Error):
        raise OAuthError("invalid_client", "the Authorization header must be HTTP Basic, of id and secret") from None
