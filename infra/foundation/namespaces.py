"""The namespaces of the contract, each with the Pod Security level that it enforces."""

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.lib.labels import PART_OF

NODE_AGENTS = "node-agents"
NAMESPACES = {
    "edge": "the ways in: the gateway and the web page",
    "shop": "the services that do the work",
    "data": "the stores",
    "identity": "who somebody is: the issuer of people's tokens, and the personas' service accounts",
    "observability": "what watches the rest: metrics, alerts, dashboards and logs",
    "lab": "exhibits of concepts that the shop has no honest use for",
    NODE_AGENTS: "agents that read their node (hostPath)",
}
LEVELS = dict.fromkeys(NAMESPACES, "restricted") | {NODE_AGENTS: "privileged"}
"""The Pod Security level of each: no level below `privileged` permits a folder of the node."""


class Namespaces(pulumi.ComponentResource):
    """All namespaces of the suite."""

    names: pulumi.Output[dict[str, str]]

    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("blueprint:foundation:Namespaces", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        made = {
            space: v1.Namespace(space, metadata=namespace_metadata(space, LEVELS[space], purpose), opts=child)
            for space, purpose in NAMESPACES.items()
        }
        self.names = pulumi.Output.all(**{space: made[space].metadata.name for space in made})
        self.register_outputs({"names": self.names})


def namespace_metadata(name: str, level: str, purpose: str) -> ObjectMetaArgs:
    """A namespace's name and labels; `level` is one of privileged, baseline, restricted.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
    """
    modes = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn", "audit")}
    return ObjectMetaArgs(
        name=name,
        labels={**modes, "app.kubernetes.io/part-of": PART_OF, "app.kubernetes.io/managed-by": "pulumi"},
        annotations={"blueprint/purpose": purpose},
    )
