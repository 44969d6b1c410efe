"""What the issuer reads from its environment."""

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from blueprint_kit.settings import ServiceSettings


class IssuerSettings(ServiceSettings):
    """The issuer's own settings, beside those of every service."""

    service_name: str = "issuer"
    body_limit_bytes: int = Field(8_192, ge=0, le=1_048_576, description="the most that a token request may be")
    issuer_url: str = Field(description="the https URL that tokens name as `iss`, and where clients find the issuer")
    issuer_audience: str = Field("blueprint", min_length=1, description="whom the tokens are for: their `aud`")
    token_seconds: int = Field(300, ge=10, le=3600, description="how long a token is good")
    keys_file: Path = Field(description="the file of the signing keys (a JWK set with private keys), see app/keys.py")
    clients_file: Path = Field(description="the file of the clients (JSON), see app/clients.py")
    failures_allowed: int = Field(10, ge=1, le=1000, description="failed attempts of one address within the window")
    failures_seconds: float = Field(60, gt=0, le=3600, description="the window in which failed attempts count")

    @field_validator("issuer_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or value.endswith("/"):
            raise ValueError("must be an https URL without query, fragment and a slash at its end")
        return value
