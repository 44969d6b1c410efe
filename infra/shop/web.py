"""The web page, and what it shows live: pods by the Kubernetes API, connections by the list made here, and graphs."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pulumi
import yaml
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.lib.labels import labels
from infra.shop.gateway import ROUTES
from infra.shop.orders import PARTNERS
from infra.shop.service import WATCHED
from infra.shop.stores import USES
from monitoring.dashboards.page import page_json

NAME = "web"
SHOWN = ("edge", "shop", "data")
"""The namespaces that the topology shows."""
TOPOLOGY_FILE = "topology.yaml"
GRAPHS_FILE = "graphs.json"
PROTOCOLS = {"postgres": "PostgreSQL", "valkey": "RESP", "nats": "NATS"}
RIGHT = "topology-reader"


def web_values(prometheus: str | None = None) -> dict[str, Any]:
    """Two replicas with a token of the API server, and the files that it takes up while it runs.

    Args:
        prometheus: the URL of the Prometheus that knows the numbers of the page's graphs; without one it has none.
    """
    env = {"TOPOLOGY_NAMESPACES": ",".join(SHOWN), "TOPOLOGY_FILE": f"{WATCHED}/{TOPOLOGY_FILE}"}
    files = {TOPOLOGY_FILE: yaml.safe_dump({"edges": topology_edges()}, sort_keys=False)}
    if prometheus:
        env |= {"PROMETHEUS_URL": prometheus, "GRAPHS_FILE": f"{WATCHED}/{GRAPHS_FILE}"}
        files[GRAPHS_FILE] = page_json()
    return {"replicas": 2, "env": env, "watchedFiles": files, "serviceAccount": {"token": True}}


def topology_edges() -> list[dict[str, str]]:
    """Who talks to whom: by the gateway's routes, the services that an order takes part in, and the stores in use."""
    routed = [("gateway.edge", urlsplit(route.upstream).hostname, "HTTP") for route in ROUTES]
    called = [("orders.shop", urlsplit(url).hostname, "HTTP") for url in PARTNERS.values()]
    stored = [
        (f"{service}.shop", f"{store}.data", PROTOCOLS[store]) for service, stores in USES.items() for store in stores
    ]
    ends = dict.fromkeys([*routed, *called, *stored])  # each once, in this order
    return [{"from": caller, "to": str(called_one), "protocol": protocol} for caller, called_one, protocol in ends]


def topology_rights(
    namespaces: pulumi.Output[Mapping[str, str]], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """The right to see the pods of each namespace that is shown, and nothing else."""
    made: list[pulumi.Resource] = []
    for space in SHOWN:
        metadata = ObjectMetaArgs(name=RIGHT, namespace=namespaces[space], labels=labels(NAME, "service"))
        rules = [rbac.PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list"])]
        role = rbac.Role(f"{RIGHT}-{space}", metadata=metadata, rules=rules, opts=opts)
        made += [
            role,
            rbac.RoleBinding(
                f"{RIGHT}-{space}",
                metadata=metadata,
                role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=RIGHT),
                subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=namespaces["edge"])],
                opts=opts,
            ),
        ]
    return made
