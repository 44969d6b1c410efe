"""The gateway: the one way in, by a port of every node and by an address of the load balancer."""

from typing import Any

import pulumi
import yaml

from toolchain.kind import GATEWAY_NODE_PORT

NAME = "gateway"
ROUTES = [
    {"path": "/api/products", "upstream": "http://catalog.shop/products", "methods": ["GET", "HEAD"]},
]
ROUTES_FILE = "routes.yaml"


def gateway_values(node_port: bool, address: pulumi.Input[str] | None) -> dict[str, Any]:
    """The route table, and the ways in that the cluster can give.

    Args:
        node_port: whether a fixed port of every node leads here.
        address: the load balancer's address; None leaves the choice to the cluster.
    """
    return {
        "env": {"ROUTES_FILE": f"/etc/service/{ROUTES_FILE}"},
        "files": {ROUTES_FILE: yaml.safe_dump({"routes": ROUTES})},
        "nodePort": GATEWAY_NODE_PORT if node_port else 0,
        "loadBalancer": {
            "enabled": True,
            "annotations": {} if address is None else {"lbipam.cilium.io/ips": address},
        },
    }
