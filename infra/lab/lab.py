"""All chapters of the lab, in the namespace `lab`. Nothing in the shop needs any of it."""

import pulumi

from infra.cluster import Cluster
from infra.foundation import Foundation
from infra.image import Images
from infra.lab import (
    configuration,
    controllers,
    jobs,
    limits,
    network_policies,
    ownership,
    pods,
    probes,
    scheduling,
    security_contexts,
    services,
)
from infra.lab.exhibit import Room


class Lab(pulumi.ComponentResource):
    """The exhibits. They idle in about twenty pods of a few MiB, and the live tests make each of them act."""

    def __init__(
        self, cluster: Cluster, foundation: Foundation, images: Images, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("blueprint:lab:Lab", "lab", {}, opts)
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        room = Room(foundation.namespaces["lab"], images.reference("toolbox"))
        pods.show(room, child)
        controllers.show(room, child)
        jobs.show(room, child)
        services.show(room, child)
        probes.show(room, images.reference("payments"), child)
        configuration.show(room, child)
        scheduling.show(room, child)
        limits.show(room, child)
        ownership.show(room, child)
        network_policies.show(room, cluster.capabilities.own_network, child)
        security_contexts.show(room, cluster.capabilities.own_nodes, child)
        self.register_outputs({})
