"""The network policies in the cluster. What they permit is decided in policies/flows; this only makes the objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from policies.flows.flows import FLOWS
from policies.flows.identities import IDENTITIES
from policies.flows.rendering import NETWORK_POLICY, policies


@dataclass(frozen=True)
class NetworkPoliciesArgs:
    """What decides the policies beside the flows.

    Attributes:
        namespaces: the namespaces of the suite.
        cilium: whether the cluster's network is ours, which is Cilium; another one knows NetworkPolicies only.
    """

    namespaces: Sequence[str]
    cilium: bool


class NetworkPolicies(pulumi.ComponentResource):
    """Denies every pod of ours everything, and permits what is declared.

    Pods come after these: one that was there first would lose its connections while its own permission is missing.
    """

    def __init__(self, name: str, args: NetworkPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:security:NetworkPolicies", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        for manifest in policies(FLOWS, IDENTITIES, args.namespaces, cilium=args.cilium):
            policy(manifest, child)
        self.register_outputs({})


def policy(manifest: dict[str, Any], opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """The object of a manifest, named in the program by its place, its name, and Cilium's by that too."""
    kind, metadata = (manifest["apiVersion"], manifest["kind"]), ObjectMetaArgs(**manifest["metadata"])
    place = "-".join(filter(None, [manifest["metadata"].get("namespace"), manifest["metadata"]["name"]]))
    if kind == NETWORK_POLICY:
        return NetworkPolicy(place, metadata=metadata, spec=manifest["spec"], opts=opts)
    return CustomResource(
        f"{place}-cilium", api_version=kind[0], kind=kind[1], metadata=metadata, spec=manifest["spec"], opts=opts
    )
