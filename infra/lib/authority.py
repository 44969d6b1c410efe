"""The stack's own certificate authority, made once and kept in the stack's state, its key encrypted."""

import secrets
from typing import Any

import pulumi
from pulumi import dynamic

from infra.lib import certificates
from infra.lib.forwarding import ForwardingProvider


class Authority(dynamic.Resource):
    """Signs what the stack's servers show. Whoever trusts `certificate` trusts them."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        inputs = {"domains": [*certificates.DOMAINS, *certificates.NETWORKS], "certificate": None, "key": None}
        super().__init__(ForwardingProvider(__name__), name, inputs, pulumi.ResourceOptions.merge(opts, secret))


def create(props: dict[str, Any]) -> dynamic.CreateResult:
    """Makes the key and the certificate."""
    return dynamic.CreateResult(id_=secrets.token_hex(8), outs=_made(props))


def diff(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
    """Other names to vouch for, or an end that is near, make it anew, and all that it signed with it."""
    return dynamic.DiffResult(changes=olds["domains"] != news["domains"] or certificates.is_due(olds["certificate"]))


def update(_id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
    """Makes another key and certificate."""
    return dynamic.UpdateResult(outs=_made(news))


def read(id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
    """The state is the only place that holds it."""
    return dynamic.ReadResult(id_, props)


def delete(_id: str, _props: dict[str, Any]) -> None:
    """It goes with the state."""


def _made(props: dict[str, Any]) -> dict[str, Any]:
    made = certificates.new_authority("Blueprint authority")
    return {"domains": props["domains"], "certificate": made.certificate, "key": made.key}
