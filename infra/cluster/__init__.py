"""The cluster that everything else stands on: made here (kind), or one that exists."""

import pulumi

from infra.cluster.cluster import Capabilities, Cluster
from infra.cluster.existing import ExistingCluster
from infra.cluster.kind import KindCluster
from infra.settings import Settings, Target

__all__ = ["Capabilities", "Cluster", "create_cluster"]


def create_cluster(settings: Settings, opts: pulumi.ResourceOptions | None = None) -> Cluster:
    """The cluster of the stack's target."""
    if settings.target is Target.EXISTING:
        return ExistingCluster(settings, opts)
    return KindCluster(settings, opts)
