"""The gateway: the one way in, by a port of every node and by an address of the load balancer."""

from dataclasses import dataclass
from typing import Any

import pulumi
import yaml

from infra.shop.service import SCALED, WATCHED
from toolchain.kind import GATEWAY_NODE_PORT

READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Route:
    """One line of the table: whose paths go where. The longest path that fits a request's wins."""

    path: str
    upstream: str
    methods: tuple[str, ...] = READ

    def line(self) -> dict[str, Any]:
        """As the gateway's file has it."""
        return {"path": self.path, "upstream": self.upstream, "methods": list(self.methods)}


ROUTES = (
    Route("/api/products", "http://catalog.shop/products"),
    Route("/api/inventory", "http://inventory.shop/inventory"),
    Route("/api/orders", "http://orders.shop/orders", (*READ, "POST")),
    Route("/api/notifications", "http://notifications.shop/notifications"),
    Route("/api/topology", "http://web.edge/topology"),
    Route("/", "http://web.edge"),
)
ROUTES_FILE = "routes.yaml"


def gateway_values(node_port: bool, address: pulumi.Input[str] | None) -> dict[str, Any]:
    """The route table, which the gateway takes up while it runs, and the ways in that the cluster can give.

    Args:
        node_port: whether a fixed port of every node leads here.
        address: the load balancer's address; None leaves the choice to the cluster.
    """
    return {
        "env": {"ROUTES_FILE": f"{WATCHED}/{ROUTES_FILE}"},
        "watchedFiles": {ROUTES_FILE: yaml.safe_dump({"routes": [route.line() for route in ROUTES]}, sort_keys=False)},
        "nodePort": GATEWAY_NODE_PORT if node_port else 0,
        "loadBalancer": {
            "enabled": True,
            "annotations": {} if address is None else {"lbipam.cilium.io/ips": address},
        },
        **SCALED,
    }
