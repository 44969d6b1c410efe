"""Who may talk to whom, and why. Every permission on the network stands here, once; what is not here is denied.

The policies (`rendering.py`), the picture in docs/network.md (`picture.py`) and the matrix test all come from this.
"""

from collections.abc import Iterator

from policies.flows.identities import (
    CATALOG,
    CATALOG_MIGRATION,
    CONTOUR,
    ECHO,
    ENVOY,
    GATEWAY,
    IDENTITIES,
    INVENTORY,
    INVENTORY_MIGRATION,
    ISSUER,
    LOADGEN,
    NATS,
    NOTIFICATIONS,
    ORDERS,
    ORDERS_MIGRATION,
    PAYMENTS,
    POSTGRES,
    PROMETHEUS,
    REPORT,
    STREAMS,
    VALKEY,
    VISITOR,
    WEB,
)
from policies.flows.model import End, Flow, Identity, Peer, Protocol, checked

HTTP = 8080
HTTPS = 8443
METRICS = 9100
GRPC = 9000
API = 6443
POSTGRES_PORT, VALKEY_PORT, NATS_PORT, NATS_MONITORING = 5432, 6379, 4222, 8222
XDS, CONTOUR_METRICS = 8001, 8000
LAB_ADMIN = 8081


def _to(destination: End, port: int, *callers: tuple[End, str]) -> Iterator[Flow]:
    """One flow from each caller, with its reason."""
    return (Flow(caller, destination, port, why) for caller, why in callers)


def _names(*askers: Identity) -> Iterator[Flow]:
    """Who looks up names: UDP, and TCP for answers that are too long for it."""
    return (
        Flow(asker, Peer.DNS, 53, "names of Services", protocol)
        for asker in askers
        for protocol in (Protocol.UDP, Protocol.TCP)
    )


def _probes(port: int, *probed: Identity) -> Iterator[Flow]:
    """Kubernetes grants these by itself: a node always reaches its own pods. They stand here to be seen."""
    return (Flow(Peer.HOST, one, port, "the kubelet's probes") for one in probed)


def _measured(port: int, *measured: Identity) -> Iterator[Flow]:
    return (Flow(PROMETHEUS, one, port, "scrapes its metrics") for one in measured)


ORDER = "places orders"
SERVICES = (GATEWAY, WEB, CATALOG, INVENTORY, ORDERS, PAYMENTS, NOTIFICATIONS)

FLOWS = checked(
    (
        # The ways in.
        *_to(
            GATEWAY,
            HTTP,
            (Peer.WORLD, "the node port and the load balancer's address"),
            (ENVOY, "routes /api and api.blueprint.test here"),
            (LOADGEN, "plays the customers"),
        ),
        *_to(ENVOY, HTTP, (Peer.WORLD, "HTTP from outside")),
        *_to(ENVOY, HTTPS, (Peer.WORLD, "HTTPS from outside")),
        # Behind the gateway.
        *_to(WEB, HTTP, (GATEWAY, "the page and its topology"), (ENVOY, "routes / here")),
        *_to(CATALOG, HTTP, (GATEWAY, "routes /api/products here"), (ORDERS, "asks for prices")),
        *_to(INVENTORY, HTTP, (GATEWAY, "routes /api/inventory here"), (ORDERS, "reserves and releases")),
        *_to(ORDERS, HTTP, (GATEWAY, "routes /api/orders here")),
        *_to(PAYMENTS, HTTP, (ORDERS, "charges an order")),
        *_to(NOTIFICATIONS, HTTP, (GATEWAY, "routes /api/notifications here")),
        # The stores.
        *_to(
            POSTGRES,
            POSTGRES_PORT,
            (CATALOG, "products"),
            (INVENTORY, "stock and reservations"),
            (ORDERS, "orders and the outbox"),
            (CATALOG_MIGRATION, "brings its schema up to date before a release"),
            (INVENTORY_MIGRATION, "brings its schema up to date before a release"),
            (ORDERS_MIGRATION, "brings its schema up to date before a release"),
        ),
        *_to(VALKEY, VALKEY_PORT, (CATALOG, "its cache")),
        *_to(
            NATS,
            NATS_PORT,
            (ORDERS, "publishes its outbox, and consumes for the saga"),
            (NOTIFICATIONS, "consumes confirmed orders"),
            (REPORT, "reads the events of a day"),
            (STREAMS, "declares streams and consumers"),
        ),
        # The API server, and whom it asks.
        *_to(Peer.API_SERVER, API, (WEB, "lists pods for the topology"), (CONTOUR, "watches routes and endpoints")),
        *_to(
            ISSUER,
            HTTPS,
            (Peer.API_SERVER, "the keys that it checks identity tokens with"),
            (Peer.REMOTE_NODE, "the same, which comes from the inner address of the control plane's node"),
        ),
        # Edge routing.
        *_to(CONTOUR, XDS, (ENVOY, "its configuration (xDS)")),
        # The lab.
        *_to(ECHO, HTTP, (VISITOR, "a client of each kind of Service")),
        *_to(ECHO, LAB_ADMIN, (VISITOR, "the second port of the same Service")),
        # What everybody needs, though not everybody needs all of it.
        *_names(
            *(GATEWAY, WEB, ENVOY, CATALOG, INVENTORY, ORDERS, NOTIFICATIONS, REPORT, STREAMS, LOADGEN, VISITOR),
            *(CATALOG_MIGRATION, INVENTORY_MIGRATION, ORDERS_MIGRATION, PROMETHEUS),
        ),
        *_probes(HTTP, GATEWAY, WEB, CATALOG, INVENTORY, ORDERS, NOTIFICATIONS, ECHO),
        *_probes(HTTPS, ISSUER),
        *_probes(GRPC, PAYMENTS),
        *_probes(VALKEY_PORT, VALKEY),
        *_probes(NATS_MONITORING, NATS),
        *_probes(METRICS, ENVOY),
        *_probes(XDS, CONTOUR),
        *_probes(CONTOUR_METRICS, CONTOUR),
        *_measured(METRICS, *SERVICES, ISSUER, ENVOY),
        *_measured(CONTOUR_METRICS, CONTOUR),
    ),
    IDENTITIES,
)
