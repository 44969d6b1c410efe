"""A certificate that the stack's authority signed, with its key, both kept in the stack's state."""

import secrets
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi import dynamic

from infra.lib import certificates
from infra.lib.authority import Authority
from infra.lib.forwarding import ForwardingProvider


class Leaf(dynamic.Resource):
    """A server's certificate for these hosts (DNS names and IP addresses), the main one first.

    `certificate` is the chain. Clients may show it too. `up` renews it when less than 30 days are left.
    """

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]

    def __init__(
        self, name: str, authority: Authority, hosts: Sequence[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        certificates.subject_names(hosts)
        inputs = {
            "hosts": list(hosts),
            "authority_certificate": authority.certificate,
            "authority_key": authority.key,
            "certificate": None,
            "key": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["key", "authority_key"])
        super().__init__(ForwardingProvider(__name__), name, inputs, pulumi.ResourceOptions.merge(opts, secret))


def create(props: dict[str, Any]) -> dynamic.CreateResult:
    """Makes the key and has the certificate signed."""
    return dynamic.CreateResult(id_=secrets.token_hex(8), outs=_made(props))


def diff(_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
    """Other hosts, another authority, or an end that is near make another certificate."""
    changed = any(olds.get(field) != news[field] for field in ("hosts", "authority_certificate"))
    return dynamic.DiffResult(changes=changed or certificates.is_due(olds["certificate"]))


def update(_id: str, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
    """Makes another key and certificate."""
    return dynamic.UpdateResult(outs=_made(news))


def read(id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
    """The state is the only place that holds it."""
    return dynamic.ReadResult(id_, props)


def delete(_id: str, _props: dict[str, Any]) -> None:
    """It goes with the state."""


def _made(props: dict[str, Any]) -> dict[str, Any]:
    authority = certificates.Pair(props["authority_certificate"], props["authority_key"])
    made = certificates.new_leaf(authority, props["hosts"])
    return {
        "hosts": props["hosts"],
        "authority_certificate": authority.certificate,
        "certificate": made.certificate,
        "key": made.key,
    }
