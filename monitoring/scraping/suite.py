"""Jobs of the host and of the application: nodes, the services of the suite, their stores, and what is pushed."""

from monitoring.scraping.control_plane import NO_RUNTIME
from monitoring.scraping.finding import PLACE, SERVICE, behind, every_service, only, pods
from monitoring.scraping.model import Job, Kubernetes, Limits, drop, forget, keep

_NAME = "__name__"
SPACE = "observability"
SERVICE_NAMESPACES = ("edge", "identity", "shop", SPACE)
SERVICE_METRICS = 9100
PUSHERS = ("report",)
"""Who may push. A push names its own `job`, so without this list anybody's metrics could be pushed under their name."""

NODE = Job(
    "node",
    "Every node, by the node exporter: CPU, memory, disks, load. kind's nodes share one machine, and each tells of it.",
    Kubernetes("pod"),
    pods("node-agents", "node-exporter", "metrics"),
    (
        NO_RUNTIME,
        drop("What the exporter says of its own collectors.", (_NAME,), "promhttp_.+|node_scrape_collector_duration.+"),
    ),
)

SERVICES = Job(
    "services",
    "Every service of the suite: requests, errors, duration (RED), and what each counts of its own work.",
    Kubernetes("endpointslice"),
    every_service(SERVICE_NAMESPACES, SERVICE_METRICS),
    (
        drop("Python's garbage collector and version.", (_NAME,), "python_.+"),
        forget("`service_info` says its service's name itself; it is in `service` already.", "exported_service"),
    ),
)

POSTGRES = Job(
    "postgres",
    "PostgreSQL by its exporter: connections, commits, cache hits, sizes.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "postgres-exporter", 9187), SERVICE, *PLACE),
    (NO_RUNTIME, drop("One series for each setting of the server.", (_NAME,), "pg_settings_.+")),
)

VALKEY = Job(
    "valkey",
    "Valkey by the exporter for Redis: memory, hits and misses, clients, evictions.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "valkey-exporter", 9121), SERVICE, *PLACE),
    (NO_RUNTIME,),
)

NATS = Job(
    "nats",
    "NATS by its exporter: connections, streams, and how far each consumer is behind.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "nats-exporter", 7777), SERVICE, *PLACE),
    (NO_RUNTIME,),
)

PUSHGATEWAY = Job(
    "pushgateway",
    "What programs that end have pushed. A sample's time is when it was scraped and does not say how old it is:"
    " `push_time_seconds` does.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "pushgateway", 9091), only("pushgateway")),
    (
        keep(
            "Only who is known may push, and only under its own name; and the gateway speaks for itself.",
            ("job",),
            "|".join((*PUSHERS, "pushgateway")),
        ),
        NO_RUNTIME,
    ),
    own_labels=True,
    limits=Limits(samples=500, megabytes=1),
)

JOBS = (NODE, SERVICES, POSTGRES, VALKEY, NATS, PUSHGATEWAY)
