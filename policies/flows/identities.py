"""Everybody who may be at an end of a flow. A pod that is none of these can reach nothing and be reached by nobody."""

from policies.flows.model import Identity

MIGRATION = "migration"

GATEWAY = Identity("edge", "gateway")
WEB = Identity("edge", "web")
CONTOUR = Identity("edge", "contour")
ENVOY = Identity("edge", "envoy")

CATALOG = Identity("shop", "catalog")
INVENTORY = Identity("shop", "inventory")
ORDERS = Identity("shop", "orders")
PAYMENTS = Identity("shop", "payments")
NOTIFICATIONS = Identity("shop", "notifications")
REPORT = Identity("shop", "report")
CATALOG_MIGRATION = Identity("shop", "catalog", MIGRATION)
INVENTORY_MIGRATION = Identity("shop", "inventory", MIGRATION)
ORDERS_MIGRATION = Identity("shop", "orders", MIGRATION)

POSTGRES = Identity("data", "postgres")
VALKEY = Identity("data", "valkey")
NATS = Identity("data", "nats")
STREAMS = Identity("data", "streams")

ISSUER = Identity("identity", "issuer")

LOADGEN = Identity("lab", "loadgen")
ECHO = Identity("lab", "echo")
VISITOR = Identity("lab", "visitor")
"""Pods that the live tests place in the lab, to see its Services as a client does."""

PROMETHEUS = Identity("observability", "prometheus")
VICTORIA_METRICS = Identity("observability", "victoria-metrics")
ALERTMANAGER = Identity("observability", "alertmanager")
MAILBOX = Identity("observability", "mailbox")
PAGER = Identity("observability", "pager")
PUSHGATEWAY = Identity("observability", "pushgateway")
KUBE_STATE_METRICS = Identity("observability", "kube-state-metrics")
POSTGRES_EXPORTER = Identity("observability", "postgres-exporter")
VALKEY_EXPORTER = Identity("observability", "valkey-exporter")
NATS_EXPORTER = Identity("observability", "nats-exporter")
BLACKBOX_EXPORTER = Identity("observability", "blackbox-exporter")
METRICS_ADAPTER = Identity("observability", "metrics-adapter")
VICTORIA_LOGS = Identity("observability", "victoria-logs")

NODE_EXPORTER = Identity("node-agents", "node-exporter")
LOG_AGENT = Identity("node-agents", "log-agent")

IDENTITIES = (
    *(GATEWAY, WEB, CONTOUR, ENVOY),
    *(CATALOG, INVENTORY, ORDERS, PAYMENTS, NOTIFICATIONS, REPORT),
    *(CATALOG_MIGRATION, INVENTORY_MIGRATION, ORDERS_MIGRATION),
    *(POSTGRES, VALKEY, NATS, STREAMS),
    ISSUER,
    *(LOADGEN, ECHO, VISITOR),
    *(PROMETHEUS, VICTORIA_METRICS, ALERTMANAGER, MAILBOX, PAGER, PUSHGATEWAY, KUBE_STATE_METRICS),
    *(POSTGRES_EXPORTER, VALKEY_EXPORTER, NATS_EXPORTER, BLACKBOX_EXPORTER, METRICS_ADAPTER, VICTORIA_LOGS),
    *(NODE_EXPORTER, LOG_AGENT),
)
