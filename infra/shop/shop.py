"""All services, and the ways in to them."""

import pulumi

from infra.cluster import Cluster
from infra.data import Data
from infra.foundation import Foundation
from infra.image import Images
from infra.shop.catalog import catalog_secret, catalog_values
from infra.shop.gateway import gateway_values
from infra.shop.service import Service, ServiceArgs


class Shop(pulumi.ComponentResource):
    """The catalog behind the gateway."""

    gateway_url: pulumi.Output[str]
    urls: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        cluster: Cluster,
        foundation: Foundation,
        data: Data,
        images: Images,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("blueprint:shop:Shop", "shop", {}, opts)
        spaces = foundation.namespaces
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        login = data.postgres.logins["catalog"]
        secret = catalog_secret(login, spaces["shop"], child)
        with_data = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[secret, data]))
        Service("catalog", ServiceArgs(spaces["shop"], images.reference("catalog"), catalog_values(login)), with_data)
        address = cluster.load_balancer_range.apply(lambda ends: ends[0]) if cluster.capabilities.own_network else None
        values = gateway_values(cluster.capabilities.node_port_on_host, address)
        Service("gateway", ServiceArgs(spaces["edge"], images.reference("gateway"), values), child)
        self.urls = ways_in(cluster.gateway_url, address)
        self.gateway_url = self.urls.get("gateway", pulumi.Output.from_input(""))
        self.register_outputs({})


def ways_in(
    node_port_url: pulumi.Output[str] | None, address: pulumi.Output[str] | None
) -> dict[str, pulumi.Output[str]]:
    """The URLs by name; a way in that the cluster does not give is left out."""
    found = {"gateway": node_port_url}
    if address is not None:
        found["gateway (load balancer)"] = pulumi.Output.concat("http://", address)
    return {name: url for name, url in found.items() if url is not None}
