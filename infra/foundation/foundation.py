"""The foundation, in the order in which its parts need each other."""

import pulumi

from infra.cluster import Cluster
from infra.foundation.metrics import MetricsServer
from infra.foundation.namespaces import NAMESPACES, Namespaces
from infra.foundation.network import CiliumNetwork
from infra.foundation.storage import LocalPathStorage
from infra.image import Images
from infra.security.admission import Admission
from infra.security.network_policies import NetworkPolicies, NetworkPoliciesArgs


class Foundation(pulumi.ComponentResource):
    """Network, storage, metrics, namespaces and their policies; only what the cluster does not bring itself."""

    namespaces: pulumi.Output[dict[str, str]]
    needed_by_pods: list[pulumi.Resource]
    """What must be there before a pod of ours can start."""

    def __init__(self, cluster: Cluster, images: Images, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:foundation:Foundation", "foundation", {}, opts)
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider)
        spaces = Namespaces("namespaces", child)
        admission = Admission("admission", cluster.registry_pull, child)
        self.needed_by_pods = [spaces, admission]
        after: list[pulumi.Resource] = [spaces]
        if cluster.capabilities.own_network:
            network = CiliumNetwork("network", cluster, images, child)
            after_network = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[network]))
            storage = LocalPathStorage("storage", images, after_network)
            MetricsServer("metrics", images, after_network)
            self.needed_by_pods += [network, storage]
            after.append(network)
        policies = NetworkPolicies(
            "network-policies",
            NetworkPoliciesArgs(tuple(NAMESPACES), cilium=cluster.capabilities.own_network),
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=after)),
        )
        self.needed_by_pods.append(policies)
        self.namespaces = spaces.names
        self.register_outputs({"namespaces": self.namespaces})
