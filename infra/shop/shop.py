"""All services, and the ways in to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.data import Data
from infra.foundation import Foundation
from infra.image import Images
from infra.observability import prometheus, pushgateway
from infra.shop.catalog import catalog_values
from infra.shop.gateway import gateway_values
from infra.shop.inventory import inventory_values
from infra.shop.loadgen import loadgen_values
from infra.shop.notifications import notifications_values
from infra.shop.orders import orders_values
from infra.shop.payments import payments_values
from infra.shop.report import report_values
from infra.shop.service import Service, ServiceArgs
from infra.shop.stores import accesses, store_secrets, with_stores
from infra.shop.web import topology_rights, web_values


class Shop(pulumi.ComponentResource):
    """The services of the shop behind the gateway, and the load generator in front of it."""

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
        child = pulumi.ResourceOptions(parent=self, provider=cluster.provider, depends_on=foundation.needed_by_pods)
        releases = Releases(foundation.namespaces, data, images, child)
        address = cluster.load_balancer_range.apply(lambda ends: ends[0]) if cluster.capabilities.own_network else None

        releases.add("catalog", "shop", catalog_values())
        releases.add("inventory", "shop", inventory_values())
        releases.add("payments", "shop", payments_values())
        releases.add("orders", "shop", orders_values())
        releases.add("notifications", "shop", notifications_values())
        releases.add("report", "shop", report_values(pushgateway.URL))
        releases.add("web", "edge", web_values(prometheus.URL), topology_rights(foundation.namespaces, child))
        releases.add("gateway", "edge", gateway_values(cluster.capabilities.node_port_on_host, address))
        releases.add("loadgen", "lab", loadgen_values())

        self.urls = ways_in(cluster.gateway_url, address)
        self.gateway_url = self.urls.get("gateway", pulumi.Output.from_input(""))
        self.register_outputs({})


@dataclass(frozen=True)
class Releases:
    """How each service is released: after the stores that it uses and the Secrets of its logins there."""

    namespaces: pulumi.Output[dict[str, str]]
    data: Data
    images: Images
    opts: pulumi.ResourceOptions

    def add(self, name: str, space: str, values: Mapping[str, Any], needed: Sequence[pulumi.Resource] = ()) -> None:
        """Releases one service.

        Args:
            name: of the service and of its image.
            space: the namespace.
            values: the chart's values, without what its stores add.
            needed: what else must be there first.
        """
        stores = accesses(name, self.data)
        secrets = store_secrets(stores, self.namespaces[space], self.opts)
        first = pulumi.ResourceOptions(depends_on=[*needed, *secrets, *(access.server for access in stores)])
        args = ServiceArgs(self.namespaces[space], self.images.reference(name), with_stores(values, stores))
        Service(name, args, pulumi.ResourceOptions.merge(self.opts, first))


def ways_in(
    node_port_url: pulumi.Output[str] | None, address: pulumi.Output[str] | None
) -> dict[str, pulumi.Output[str]]:
    """The URLs by name; a way in that the cluster does not give is left out."""
    found = {"gateway": node_port_url}
    if address is not None:
        found["gateway (load balancer)"] = pulumi.Output.concat("http://", address)
    return {name: url for name, url in found.items() if url is not None}
