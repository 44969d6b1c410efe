"""Jobs of what watches: it is watched in the same way."""

from monitoring.scraping.control_plane import NO_BUCKETS, NO_RUNTIME
from monitoring.scraping.finding import PLACE, SERVICE, behind, pods
from monitoring.scraping.model import Dns, Job, Kubernetes, Limits
from monitoring.scraping.suite import SPACE

ALERTMANAGER_HOST = "alertmanager.observability.svc.cluster.local"
ALERTMANAGER = Job(
    "alertmanager",
    "Alertmanager: alerts, notifications that failed. Found by the name of its Service, as it could be outside of a"
    " cluster: each address that the name has is a target.",
    Dns(ALERTMANAGER_HOST, 9093),
    samples=(NO_BUCKETS, NO_RUNTIME),
)

PROMETHEUS = Job(
    "prometheus",
    "Prometheus itself: targets, samples, rules, what waits to be sent to the other store.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "prometheus", 9090), SERVICE, *PLACE),
    (NO_BUCKETS, NO_RUNTIME),
    limits=Limits(samples=3000),
)

VICTORIA_METRICS = Job(
    "victoria-metrics",
    "VictoriaMetrics, the store beside: what it took in, what it holds, its free space.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "victoria-metrics", 8428), SERVICE, *PLACE),
    (NO_BUCKETS, NO_RUNTIME),
    limits=Limits(samples=3000),
)

VICTORIA_LOGS = Job(
    "victoria-logs",
    "VictoriaLogs, where the logs are: lines taken in and refused, what its disk holds.",
    Kubernetes("endpointslice"),
    (*behind(SPACE, "victoria-logs", 9428), SERVICE, *PLACE),
    (NO_BUCKETS, NO_RUNTIME),
    limits=Limits(samples=3000),
)

LOG_AGENT = Job(
    "log-agent",
    "The log agent of every node: lines read, sent, and kept because the store is away.",
    Kubernetes("pod"),
    pods("node-agents", "log-agent", "metrics"),
    (NO_BUCKETS, NO_RUNTIME),
)

JOBS = (PROMETHEUS, ALERTMANAGER, VICTORIA_METRICS, VICTORIA_LOGS, LOG_AGENT)
