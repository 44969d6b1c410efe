"""The clients: who may ask for a token, and which groups it says they are in.

The issuer knows the SHA-256 of each secret only, which is enough to check 256 random bits: what leaks from here lets
nobody in.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from blueprint_kit.settings import Refusal, SettingsError

NOBODY = "0" * 64


class Client(BaseModel):
    """One client of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    secret_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    groups: list[str] = Field(min_length=1)


Clients = Mapping[str, Client]
_SHAPE = TypeAdapter(dict[str, Client])


def parse_clients(content: str) -> Clients:
    """The clients by their id. Raises SettingsError."""
    try:
        return _SHAPE.validate_python(json.loads(content))
    except (ValidationError, ValueError) as error:
        places = (
            [".".join(map(str, one["loc"])) for one in error.errors()] if isinstance(error, ValidationError) else []
        )
        rule = f"must be an object of clients, each with secret_sha256 and groups; wrong at {places or 'its start'}"
        raise SettingsError([Refusal("CLIENTS_FILE", rule, "mount the stack's clients")]) from None


def authenticate(clients: Clients, identity: str, secret: str) -> Client | None:
    """The client, if the secret is its own. An unknown client takes as long as a wrong secret."""
    known = clients.get(identity)
    given = hashlib.sha256(secret.encode()).hexdigest()
    right = hmac.compare_digest(given, known.secret_sha256 if known else NOBODY)
    return known if right else None
