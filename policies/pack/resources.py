"""What a rule looks at: a resource as the engine is about to make it, and the pods that it describes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from policies.admission import Allowed
from policies.pack.known import UNKNOWN, part, parts

TEMPLATES = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"), ("template",))
"""Where workloads, CronJobs and PodTemplates describe their pods."""
NAME = "app.kubernetes.io/name"


@dataclass(frozen=True)
class Resource:
    """A resource.

    Attributes:
        type: its token, such as `kubernetes:apps/v1:Deployment`.
        props: its properties, UNKNOWN in place of what is not known yet.
        secret_outputs: the outputs that are encrypted in the state though no input says so.
    """

    type: str
    props: dict[str, Any]
    secret_outputs: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """Its Kubernetes kind; empty for what lies elsewhere, and for a patch, whose whole only admission sees."""
        kind = self.type.rpartition(":")[2] if self.type.startswith("kubernetes:") else ""
        return "" if kind.endswith("Patch") else kind

    def is_one_of(self, allowed: Sequence[Allowed]) -> bool:
        """Whether it is listed by its own name. What lies in no namespace is listed under its name twice."""
        name = part(self.props, "metadata", "name")
        return is_listed(part(self.props, "metadata", "namespace") or name, name, allowed)


@dataclass(frozen=True)
class Pod:
    """One pod description: where it will lie, its labels, and its spec."""

    namespace: Any
    labels: Any
    spec: Any

    def containers(self) -> Iterator[tuple[Any, Any]]:
        """Every container after its name."""
        for group in ("containers", "initContainers"):
            for container in parts(self.spec, group):
                yield part(container, "name"), container

    def is_one_of(self, allowed: Sequence[Allowed]) -> bool:
        """Whether it is listed by its label."""
        return is_listed(self.namespace, part(self.labels, NAME), allowed)


def is_listed(namespace: Any, name: Any, allowed: Sequence[Allowed]) -> bool:
    """Whether one of the exceptions is meant. Where the namespace or the name is unknown: whether it may be."""
    return any(namespace in (UNKNOWN, one.namespace) and name in (UNKNOWN, one.name) for one in allowed)


def pods(resource: Resource) -> list[Pod]:
    """The pods that the resource describes; none for one that describes none."""
    if not resource.kind:
        return []
    namespace = part(resource.props, "metadata", "namespace")
    templates = [part(resource.props, *path) for path in ((), *TEMPLATES)]
    return [
        Pod(namespace, part(template, "metadata", "labels"), part(template, "spec"))
        for template in templates
        if part(template, "spec", "containers") is not None
    ]
