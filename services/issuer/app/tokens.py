"""The token: a JWT (RFC 7519) with the claims of an OpenID Connect ID token.

Source: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
"""

import time
from collections.abc import Sequence
from uuid import uuid4

from joserfc import jwt

from app.keys import ALGORITHM, KeyRing
from app.settings import IssuerSettings


def signed_token(
    ring: KeyRing, settings: IssuerSettings, subject: str, groups: Sequence[str], now: float | None = None
) -> str:
    """A token for the subject, good from now on; `now` is in seconds since 1970."""
    issued = int(time.time() if now is None else now)
    claims = {
        "iss": settings.issuer_url,
        "sub": subject,
        "aud": settings.issuer_audience,
        "iat": issued,
        "nbf": issued,
        "exp": issued + settings.token_seconds,
        "jti": uuid4().hex,
        "groups": list(groups),
    }
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": ring.signing.kid}
    return jwt.encode(header, claims, ring.signing, algorithms=[ALGORITHM])
