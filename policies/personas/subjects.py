"""Whom a persona's bindings name."""

from policies.personas.model import Persona, Way
from toolchain.control_plane.configuration import OIDC_PREFIX

ACCOUNTS = "identity"
"""The namespace of the personas' service accounts."""


def certificate_group(persona: str) -> str:
    """The organization (O=) of a client certificate."""
    return f"blueprint:{persona}"


def oidc_group(persona: str) -> str:
    """The group of a token, as the API server knows it."""
    return f"{OIDC_PREFIX}{token_group(persona)}"


def token_group(persona: str) -> str:
    """The group that the issuer's token says."""
    return f"blueprint:{persona}"


def subjects(persona: Persona) -> list[dict[str, str]]:
    """The subjects of the persona's bindings, one for each way of proving it."""
    group = {"kind": "Group", "api_group": "rbac.authorization.k8s.io"}
    known = {
        Way.CERTIFICATE: {**group, "name": certificate_group(persona.name)},
        Way.OIDC: {**group, "name": oidc_group(persona.name)},
        Way.ACCOUNT: {"kind": "ServiceAccount", "name": persona.name, "namespace": ACCOUNTS},
    }
    return [known[way] for way in Way if way in persona.ways]
