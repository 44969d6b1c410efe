"""What a persona is. A right that says too much cannot be written down: it is refused when it is declared.

Source: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from dataclasses import dataclass, field
from enum import StrEnum

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")
VERBS = frozenset({*READ, *WRITE})
NEVER = {
    "*": "a wildcard grants what does not exist yet; name what is needed",
    "escalate": "it lets its holder grant rights that it does not have",
    "bind": "it lets its holder bind roles that it does not have",
    "impersonate": "it lets its holder be anybody",
    "deletecollection": "one mistyped selector removes everything; delete objects by name",
    "nodes/proxy": "it reaches the kubelet's own API, past admission and audit; read nodes and metrics instead",
    "serviceaccounts/token": "it makes tokens of every account in the namespace; let the account's own pod have one",
    "pods/exec": "a shell in a pod has the pod's secrets; read its logs instead",
    "pods/attach": "as pods/exec",
    "pods/portforward": "it goes around the network's policies",
}
"""What no persona is given, with the reason and what to do instead."""


class Way(StrEnum):
    """How a persona proves who it is."""

    CERTIFICATE = "client certificate"
    OIDC = "OpenID Connect"
    ACCOUNT = "service account"


@dataclass(frozen=True)
class Rule:
    """Verbs on resources of one API group (the core group is ""); a subresource is `resource/subresource`."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    group: str = ""

    def __post_init__(self) -> None:
        """Refuses what no persona is given, and what RBAC would silently never match."""
        for value in (*self.resources, *self.verbs, self.group):
            if value in NEVER:
                raise ValueError(f"{value!r} in a persona's rule: {NEVER[value]}")
        unknown = set(self.verbs) - VERBS
        if unknown or not self.verbs or not self.resources:
            raise ValueError(f"{self}: verbs are of {sorted(VERBS)}, and there is at least one verb and one resource")


@dataclass(frozen=True)
class Persona:
    """One role that people or programs have towards the cluster.

    Attributes:
        name: its own, also of its service account, and the last part of its groups' names.
        purpose: what it is for, in one line.
        ways: how it may prove who it is.
        parts: its rights by the name of the part; with `namespaces` there is one part.
        namespaces: where the rights hold; none means the whole cluster.
        aggregated: the parts are ClusterRoles of their own, which a label gathers into the persona's.
    """

    name: str
    purpose: str
    ways: frozenset[Way]
    parts: dict[str, tuple[Rule, ...]] = field(hash=False)
    namespaces: tuple[str, ...] = ()
    aggregated: bool = False

    @property
    def role(self) -> str:
        """The name of its roles and bindings."""
        return f"blueprint:{self.name}"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All its rights."""
        return tuple(rule for part in self.parts.values() for rule in part)

    def may(self, verb: str, resource: str, group: str = "", namespace: str = "") -> bool:
        """Whether its rules allow it; no namespace means the cluster's own resources, or all namespaces at once."""
        here = not self.namespaces or namespace in self.namespaces
        return here and any(
            verb in rule.verbs and resource in rule.resources and group == rule.group for rule in self.rules
        )
