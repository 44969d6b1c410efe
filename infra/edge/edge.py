"""Edge routing, in the order in which its parts need each other."""

from ipaddress import ip_address

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.cluster import Cluster
from infra.edge.contour import contour
from infra.edge.envoy import envoy
from infra.edge.parts import certificate_secret
from infra.edge.routes import (
    API,
    GATEWAY_CERTIFICATE,
    INGRESS,
    INGRESS_CERTIFICATE,
    SHOP,
    gateway_objects,
    ingress_objects,
)
from infra.foundation import Foundation
from infra.image import Images
from infra.lib.authority import Authority
from toolchain import definitions


class EdgeRouting(pulumi.ComponentResource):
    """Contour, Envoy, and the routes. Only on a cluster whose network and addresses are ours.

    Contour and Envoy know each other by an authority that signs nothing else: who has a certificate of it gets every
    key that Envoy has.
    """

    urls: dict[str, pulumi.Output[str]]
    """Host → the URL of the address that serves it; the hosts' names are in no DNS."""

    def __init__(
        self,
        cluster: Cluster,
        foundation: Foundation,
        authority: Authority,
        images: Images,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("blueprint:edge:EdgeRouting", "edge-routing", {}, opts)
        self.urls = {}
        if cluster.capabilities.own_network and cluster.capabilities.load_balancer:
            child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
            address = cluster.load_balancer_range.apply(second_address)
            _route(foundation.namespaces["edge"], address, authority, images, child)
            self.urls = {host: pulumi.Output.concat("https://", address) for host in (SHOP, API, INGRESS)}
        self.register_outputs({})


def second_address(first_and_last: list[str]) -> str:
    """The load balancers' second address; the gateway has the first."""
    return str(ip_address(first_and_last[0]) + 1)


def _route(
    namespace: pulumi.Output[str],
    address: pulumi.Input[str],
    authority: Authority,
    images: Images,
    opts: pulumi.ResourceOptions,
) -> None:
    defined = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=defined_kinds(opts)))
    inside = Authority("edge-inside", pulumi.ResourceOptions(parent=opts.parent))
    certificates = [certificate_secret(f"{name}-xds", namespace, inside, [name], opts) for name in ("contour", "envoy")]
    certificate_secret(GATEWAY_CERTIFICATE, namespace, authority, [SHOP, API], opts)
    certificate_secret(INGRESS_CERTIFICATE, namespace, authority, [INGRESS], opts)
    gateway_objects(namespace, defined)
    ingress_objects(namespace, opts)
    serving = pulumi.ResourceOptions.merge(defined, pulumi.ResourceOptions(depends_on=certificates))
    server = contour(namespace, images.reference("contour"), serving)
    after = pulumi.ResourceOptions.merge(serving, pulumi.ResourceOptions(depends_on=[server]))
    envoy(namespace, images.reference("envoy"), address, after)


def defined_kinds(opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """The kinds that Contour and the Gateway API add to Kubernetes' own."""
    return [
        CustomResource(
            one["metadata"]["name"],
            api_version=one["apiVersion"],
            kind=one["kind"],
            metadata=ObjectMetaArgs(name=one["metadata"]["name"], annotations=one["metadata"]["annotations"]),
            spec=one["spec"],
            opts=opts,
        )
        for one in definitions.edge()
    ]
