"""A password made once and kept, encrypted, in the stack's state."""

import secrets
from typing import Any

import pulumi
from pulumi import dynamic

from infra.lib.forwarding import ForwardingProvider

BYTES = 32


class Password(dynamic.Resource):
    """256 random bits as URL-safe text."""

    value: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(
            ForwardingProvider(__name__), name, {"value": None}, pulumi.ResourceOptions.merge(opts, secret)
        )


def create(_props: dict[str, Any]) -> dynamic.CreateResult:
    """Draws the password."""
    return dynamic.CreateResult(id_=secrets.token_hex(8), outs={"value": secrets.token_urlsafe(BYTES)})


def diff(_id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
    """A password has no inputs, so it never changes."""
    return dynamic.DiffResult(changes=False)


def read(id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
    """The state is the only place that holds it."""
    return dynamic.ReadResult(id_, props)


def delete(_id: str, _props: dict[str, Any]) -> None:
    """It goes with the state."""
