"""What the rest of the program may know about a cluster. Nothing above this asks which kind of cluster it is."""

from dataclasses import asdict, dataclass
from typing import Protocol

import pulumi
import pulumi_kubernetes as kubernetes


@dataclass(frozen=True)
class Capabilities:
    """What a cluster can do and others cannot. What depends on a missing one is left out, visibly.

    Attributes:
        own_network: the cluster comes without a network, so the platform installs Cilium.
        load_balancer: Services of type LoadBalancer get an address.
        node_port_on_host: the gateway's NodePort is reachable on the host's loopback.
        own_nodes: the nodes are of the stack's own image, which carries the seccomp profiles of the lab.
        l7_policy: network policies may look into HTTP (needs Cilium's Envoy).
        grafana: the stack has a Grafana of its own (its image cannot be built from source here: docs/dashboards.md).
    """

    own_network: bool
    load_balancer: bool
    node_port_on_host: bool
    own_nodes: bool
    l7_policy: bool
    grafana: bool

    def as_map(self) -> dict[str, bool]:
        """The capabilities by name, as the stack exports them."""
        return asdict(self)


class Cluster(Protocol):
    """A cluster: how to reach it, what it can do, and where its nodes pull images from."""

    kubeconfig: pulumi.Output[str]
    provider: kubernetes.Provider
    capabilities: Capabilities
    api_server_host: str
    registry_push: pulumi.Output[str]
    """Where this host pushes images: `host:port[/path]`."""
    registry_pull: pulumi.Output[str]
    """What manifests name: `host:port[/path]`."""
    load_balancer_range: pulumi.Output[list[str]]
    """First and last address for LB-IPAM; empty where the cluster brings its own load balancers."""
    gateway_url: pulumi.Output[str] | None
    """The way in that the cluster itself gives; None where only the load balancer does."""


def kubernetes_provider(
    kubeconfig: pulumi.Input[str], parent: pulumi.Resource, *, takes_over: bool = False
) -> kubernetes.Provider:
    """The one Kubernetes provider of the program.

    Args:
        kubeconfig: the cluster's.
        parent: the cluster's component.
        takes_over: what is there already under a resource's name is ours and is taken over, as after an `up` that was
            killed: right for a cluster that holds nothing of others.
    """
    return kubernetes.Provider(
        "kubernetes",
        kubeconfig=kubeconfig,
        enable_server_side_apply=True,
        delete_unreachable=True,
        upsert_existing_objects=takes_over or None,
        opts=pulumi.ResourceOptions(parent=parent),
    )
