"""What an admission rule is. Owns its shape; the API server's objects are made of it in infra/security."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

REGISTRY = "registry"
"""The one variable whose value is not known here: the address of the stack's registry, as `variables.registry`."""


class Subject(StrEnum):
    """What a rule looks at."""

    PODS = "pods"
    """Pods, and what makes them: whoever writes a Deployment is told, not the controller that makes its pods."""
    SERVICES = "services"
    ROLES = "roles"
    BINDINGS = "bindings"
    NAMESPACES = "namespaces"


RESOURCES: Mapping[Subject, Mapping[str, tuple[str, ...]]] = {
    Subject.PODS: {
        "": ("pods", "pods/ephemeralcontainers", "replicationcontrollers"),
        "apps": ("deployments", "replicasets", "statefulsets", "daemonsets"),
        "batch": ("jobs", "cronjobs"),
    },
    Subject.SERVICES: {"": ("services",)},
    Subject.ROLES: {"rbac.authorization.k8s.io": ("roles", "clusterroles")},
    Subject.BINDINGS: {"rbac.authorization.k8s.io": ("rolebindings", "clusterrolebindings")},
    Subject.NAMESPACES: {"": ("namespaces",)},
}
"""Each subject's resources by API group; all of version v1."""


@dataclass(frozen=True)
class Allowed:
    """One exception to a rule.

    Attributes:
        namespace: where it lies; what lies in no namespace names itself here too.
        name: a pod's label `app.kubernetes.io/name`; anything else's own name.
        reason: why it must be so.
    """

    namespace: str
    name: str
    reason: str

    @property
    def key(self) -> str:
        """How an expression knows it."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: by which a message, a policy and the documents name it.
        says: the rule, as a sentence without its full stop.
        remedy: what to do, as a sentence without its full stop.
        subject: what it looks at.
        culprits: a CEL expression: the list of what breaks the rule, as text. Empty: the rule holds. It may use the
            variables of `policies.admission.expressions`.
        allowed: the exceptions.
    """

    name: str
    says: str
    remedy: str
    subject: Subject
    culprits: str
    allowed: tuple[Allowed, ...] = ()

    @property
    def needs_registry(self) -> bool:
        """Whether the expression uses the registry's address."""
        return f"variables.{REGISTRY}" in self.culprits
