"""The cluster that everything else stands on: made here (kind), or one that exists."""

import pulumi

from infra.cluster.cluster import Capabilities, Cluster
from infra.cluster.existing import ExistingCluster
from infra.cluster.kind import KindCluster
from infra.lib.authority import Authority
from infra.settings import Settings, Target

__all__ = ["Capabilities", "Cluster", "create_cluster"]


def create_cluster(settings: Settings, authority: Authority, opts: pulumi.ResourceOptions | None = None) -> Cluster:
    """The cluster of the stack's target. One that is made here trusts the authority's certificates."""
    if settings.target is Target.EXISTING:
        return ExistingCluster(settings, opts)
    return KindCluster(settings, authority, opts)
