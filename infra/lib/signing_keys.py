"""Keys that sign tokens: made by the stack, kept in its state, and replaced without a moment in which tokens fail.

The first key signs. With another `generation` a new key comes first and the one before stays behind it, so that what
it signed stays good; the one before that goes. So between two generations must lie more than a token's life.
"""

import base64
import hashlib
import json
import secrets
from typing import Any

import pulumi
from cryptography.hazmat.primitives.asymmetric import ec
from pulumi import dynamic

from infra.lib.forwarding import ForwardingProvider

KEPT = 2
_BYTES = 32  # of a coordinate on P-256


class SigningKeys(dynamic.Resource):
    """A JWK set (RFC 7517) of private keys for ES256, as JSON text."""

    keys: pulumi.Output[str]

    def __init__(self, name: str, generation: int, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["keys"])
        inputs = {"generation": generation, "keys": None}
        super().__init__(ForwardingProvider(__name__), name, inputs, pulumi.ResourceOptions.merge(opts, secret))


def create(props: dict[str, Any]) -> dynamic.CreateResult:
    """Makes the first key."""
    return dynamic.CreateResult(id_=secrets.token_hex(8), outs={**props, "keys": _written([new_key()])})


def diff(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
    """Only another generation changes the keys."""
    return dynamic.DiffResult(changes=olds["generation"] != news["generation"])


def update(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
    """A new key comes before the ones that stay."""
    known = json.loads(olds["keys"])["keys"]
    return dynamic.UpdateResult(outs={**news, "keys": _written([new_key(), *known][:KEPT])})


def read(id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
    """The state is the only place that holds them."""
    return dynamic.ReadResult(id_, props)


def delete(_id: str, _props: dict[str, Any]) -> None:
    """They go with the state."""


def new_key() -> dict[str, str]:
    """A private key as a JWK (RFC 7518, section 6.2), named by its thumbprint (RFC 7638)."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    public = {"crv": "P-256", "kty": "EC", "x": _encoded(point.x), "y": _encoded(point.y)}
    return {**public, "d": _encoded(numbers.private_value), "kid": thumbprint(public)}


def thumbprint(public: dict[str, str]) -> str:
    """The SHA-256 of a public key's required members in their order."""
    canonical = json.dumps(public, sort_keys=True, separators=(",", ":"))
    return _text(hashlib.sha256(canonical.encode()).digest())


def _encoded(number: int) -> str:
    return _text(number.to_bytes(_BYTES, "big"))


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _written(keys: list[dict[str, str]]) -> str:
    return json.dumps({"keys": keys})
