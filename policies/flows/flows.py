"""Who may talk to whom, and why. Every permission on the network stands here, once; what is not here is denied.

The policies (`rendering.py`), the picture in docs/network.md (`picture.py`) and the matrix test all come from this.
"""

from collections.abc import Iterator

from policies.flows.identities import (
    ALERTMANAGER,
    BLACKBOX_EXPORTER,
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
    KUBE_STATE_METRICS,
    LOADGEN,
    LOG_AGENT,
    MAILBOX,
    METRICS_ADAPTER,
    NATS,
    NATS_EXPORTER,
    NODE_EXPORTER,
    NOTIFICATIONS,
    ORDERS,
    ORDERS_MIGRATION,
    PAGER,
    PAYMENTS,
    POSTGRES,
    POSTGRES_EXPORTER,
    PROMETHEUS,
    PUSHGATEWAY,
    REPORT,
    STREAMS,
    VALKEY,
    VALKEY_EXPORTER,
    VICTORIA_LOGS,
    VICTORIA_METRICS,
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
PROMETHEUS_PORT, ALERTMANAGER_PORT, PUSHGATEWAY_PORT, BLACKBOX_PORT = 9090, 9093, 9091, 9115
VICTORIA_METRICS_PORT, VICTORIA_LOGS_PORT, SMTP = 8428, 9428, 2525
STATE_METRICS, STATE_TELEMETRY = 8080, 8081
POSTGRES_METRICS, VALKEY_METRICS, NATS_METRICS = 9187, 9121, 7777
AGENT_METRICS, AGENT_HEALTH = 8888, 13133
SCHEDULER, CONTROLLER_MANAGER, ETCD, KUBELET = 10259, 10257, 2381, 10250
CILIUM, CILIUM_OPERATOR, HUBBLE, COREDNS = 9962, 9963, 9965, 9153
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
        *_to(
            Peer.API_SERVER,
            API,
            (WEB, "lists pods for the topology"),
            (CONTOUR, "watches routes and endpoints"),
            (PROMETHEUS, "finds targets, and scrapes its metrics"),
            (KUBE_STATE_METRICS, "watches what it shows"),
            (METRICS_ADAPTER, "lists pods, and asks whether who asks may"),
        ),
        *_to(
            ISSUER,
            HTTPS,
            (Peer.API_SERVER, "the keys that it checks identity tokens with"),
            (Peer.REMOTE_NODE, "the same, which comes from the inner address of the control plane's node"),
        ),
        *_to(
            METRICS_ADAPTER,
            API,
            (Peer.API_SERVER, "passes on who asks for the metrics that scale"),
            (Peer.REMOTE_NODE, "the same, which comes from the inner address of the control plane's node"),
        ),
        # Edge routing.
        *_to(CONTOUR, XDS, (ENVOY, "its configuration (xDS)")),
        # Metrics: what is asked for others, written beside, and read.
        *_to(
            POSTGRES,
            POSTGRES_PORT,
            (POSTGRES_EXPORTER, "reads the server's figures"),
            (BLACKBOX_EXPORTER, "whether it takes connections"),
        ),
        *_to(
            VALKEY,
            VALKEY_PORT,
            (VALKEY_EXPORTER, "reads the server's figures"),
            (BLACKBOX_EXPORTER, "whether it takes connections"),
        ),
        *_to(
            NATS,
            NATS_MONITORING,
            (NATS_EXPORTER, "reads the server's figures"),
            (BLACKBOX_EXPORTER, "whether it takes connections"),
        ),
        *_to(NATS, NATS_PORT, (BLACKBOX_EXPORTER, "whether it takes connections")),
        *_to(GATEWAY, HTTP, (BLACKBOX_EXPORTER, "asks as a visitor does")),
        *_to(ENVOY, HTTPS, (BLACKBOX_EXPORTER, "asks as a visitor does, by host name")),
        *_to(ISSUER, HTTPS, (BLACKBOX_EXPORTER, "whether it answers, and how long its certificate is valid")),
        *_to(PUSHGATEWAY, PUSHGATEWAY_PORT, (REPORT, "pushes its figures before it ends")),
        *_to(VICTORIA_METRICS, VICTORIA_METRICS_PORT, (PROMETHEUS, "writes every sample, and scrapes its metrics")),
        *_to(
            PROMETHEUS,
            PROMETHEUS_PORT,
            (WEB, "the numbers of the page's graphs"),
            (METRICS_ADAPTER, "the requests of each pod"),
        ),
        # Alerts.
        *_to(ALERTMANAGER, ALERTMANAGER_PORT, (PROMETHEUS, "sends alerts, and scrapes its metrics")),
        *_to(MAILBOX, SMTP, (ALERTMANAGER, "mails")),
        *_to(PAGER, HTTP, (ALERTMANAGER, "pages")),
        # Logs.
        *_to(
            VICTORIA_LOGS,
            VICTORIA_LOGS_PORT,
            (LOG_AGENT, "sends every line"),
            (PROMETHEUS, "scrapes its metrics"),
        ),
        # The lab.
        *_to(ECHO, HTTP, (VISITOR, "a client of each kind of Service")),
        *_to(ECHO, LAB_ADMIN, (VISITOR, "the second port of the same Service")),
        # What everybody needs, though not everybody needs all of it.
        *_names(
            *(GATEWAY, WEB, ENVOY, CATALOG, INVENTORY, ORDERS, NOTIFICATIONS, REPORT, STREAMS, LOADGEN, VISITOR),
            *(CATALOG_MIGRATION, INVENTORY_MIGRATION, ORDERS_MIGRATION),
            *(PROMETHEUS, ALERTMANAGER, METRICS_ADAPTER, LOG_AGENT),
            *(POSTGRES_EXPORTER, VALKEY_EXPORTER, NATS_EXPORTER, BLACKBOX_EXPORTER),
        ),
        *_probes(HTTP, GATEWAY, WEB, CATALOG, INVENTORY, ORDERS, NOTIFICATIONS, ECHO, MAILBOX, PAGER),
        *_probes(HTTPS, ISSUER),
        *_probes(GRPC, PAYMENTS),
        *_probes(VALKEY_PORT, VALKEY),
        *_probes(NATS_MONITORING, NATS),
        *_probes(METRICS, ENVOY),
        *_probes(XDS, CONTOUR),
        *_probes(CONTOUR_METRICS, CONTOUR),
        *_probes(API, METRICS_ADAPTER),
        *_probes(PROMETHEUS_PORT, PROMETHEUS),
        *_probes(VICTORIA_METRICS_PORT, VICTORIA_METRICS),
        *_probes(ALERTMANAGER_PORT, ALERTMANAGER),
        *_probes(PUSHGATEWAY_PORT, PUSHGATEWAY),
        *_probes(BLACKBOX_PORT, BLACKBOX_EXPORTER),
        *_probes(POSTGRES_METRICS, POSTGRES_EXPORTER),
        *_probes(VALKEY_METRICS, VALKEY_EXPORTER),
        *_probes(NATS_METRICS, NATS_EXPORTER),
        *_probes(STATE_METRICS, KUBE_STATE_METRICS),
        *_probes(STATE_TELEMETRY, KUBE_STATE_METRICS),
        *_probes(VICTORIA_LOGS_PORT, VICTORIA_LOGS),
        *_probes(METRICS, NODE_EXPORTER),
        *_probes(AGENT_HEALTH, LOG_AGENT),
        *_measured(METRICS, *SERVICES, ISSUER, ENVOY, MAILBOX, PAGER, NODE_EXPORTER),
        *_measured(CONTOUR_METRICS, CONTOUR),
        *_measured(STATE_METRICS, KUBE_STATE_METRICS),
        *_measured(POSTGRES_METRICS, POSTGRES_EXPORTER),
        *_measured(VALKEY_METRICS, VALKEY_EXPORTER),
        *_measured(NATS_METRICS, NATS_EXPORTER),
        *_measured(BLACKBOX_PORT, BLACKBOX_EXPORTER),
        *_measured(PUSHGATEWAY_PORT, PUSHGATEWAY),
        *_measured(AGENT_METRICS, LOG_AGENT),
        # What runs on nodes and is no pod of ours.
        *(
            Flow(PROMETHEUS, node, port, "scrapes its metrics")
            for port in (SCHEDULER, CONTROLLER_MANAGER, ETCD, KUBELET, CILIUM, CILIUM_OPERATOR, HUBBLE)
            for node in (Peer.REMOTE_NODE, Peer.HOST)
        ),
        Flow(PROMETHEUS, Peer.DNS, COREDNS, "scrapes its metrics"),
    ),
    IDENTITIES,
)
