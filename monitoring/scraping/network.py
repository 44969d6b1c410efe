"""Jobs of the network: Cilium, what Hubble sees pass, and the way in by name."""

from monitoring.scraping.control_plane import NO_BUCKETS, NO_RUNTIME
from monitoring.scraping.finding import PLACE, pods
from monitoring.scraping.model import Job, Kubernetes, Limits, Needs, drop, keep

_NAME = "__name__"
_PORT = "__meta_kubernetes_pod_container_port_name"
_AGENT, _OPERATOR = "__meta_kubernetes_pod_label_k8s_app", "__meta_kubernetes_pod_label_io_cilium_app"

CILIUM = Job(
    "cilium",
    "Cilium's agent on every node, and its operator: endpoints and their policies, packets dropped, full tables.",
    Kubernetes("pod"),
    (
        keep(
            "Of all ports of all pods, `prometheus` of the agents and of the operator. They are their node's ports.",
            ("__meta_kubernetes_namespace", _AGENT, _OPERATOR, _PORT),
            "kube-system;(cilium;|;operator);prometheus",
        ),
        *PLACE,
    ),
    (
        NO_BUCKETS,
        NO_RUNTIME,
        drop(
            "Its calls of the API server by path, its maps by operation, its start by phase: for who works on Cilium.",
            (_NAME,),
            "cilium_(k8s_client|k8s_workqueue|k8s_event|kubernetes_events|bpf_map_ops|api_limiter|agent_bootstrap"
            "|agent_api|hive|statedb|feature|fqdn_selectors|triggers|rate_limiter|controllers_(runs|group)"
            "|operator_(k8s_|hive|feature|statedb)).*",
        ),
    ),
    limits=Limits(samples=3000),
    needs=Needs.OWN_NETWORK,
)

HUBBLE = Job(
    "hubble",
    "What passes between pods, as each node's agent sees it: flows by verdict, drops by reason and by who was refused.",
    Kubernetes("pod"),
    (
        keep(
            "Of all ports of all pods, `hubble-metrics` of the agents.",
            ("__meta_kubernetes_namespace", _AGENT, _PORT),
            "kube-system;cilium;hubble-metrics",
        ),
        *PLACE,
    ),
    (
        NO_BUCKETS,
        NO_RUNTIME,
        drop(
            "Ports that a client was given for one connection: any number of them, each for a moment.",
            (_NAME, "port"),
            "hubble_port_distribution_total;(0|[3-6][0-9]{4})",
        ),
    ),
    limits=Limits(samples=3000),
    needs=Needs.OWN_NETWORK,
)

ENVOY = Job(
    "envoy",
    "Envoy, the way in by host name: answers by class, connections, what is behind it.",
    Kubernetes("pod"),
    pods("edge", "envoy", "metrics"),
    (
        keep(
            "Of some thousand series of each Envoy those that somebody looks at.",
            (_NAME,),
            "envoy_http_downstream_(rq_(total|xx|active|time_(sum|count))|cx_(total|active|ssl_active))"
            "|envoy_cluster_(upstream_rq_(total|xx|timeout|retry|pending_overflow)|upstream_cx_(active|connect_fail)"
            "|membership_(healthy|total))|envoy_server_(live|uptime|memory_allocated|days_until_first_cert_expiring)"
            "|envoy_listener_ssl_.*",
        ),
    ),
    path="/stats/prometheus",
    parameters={"usedonly": ""},
    limits=Limits(samples=2000),
    needs=Needs.OWN_NETWORK,
)

CONTOUR = Job(
    "contour",
    "Contour, which tells Envoy what to do: routes that are valid, orphaned, invalid; how long it builds them.",
    Kubernetes("pod"),
    pods("edge", "contour", "metrics"),
    (NO_BUCKETS, NO_RUNTIME),
    needs=Needs.OWN_NETWORK,
)

JOBS = (CILIUM, HUBBLE, ENVOY, CONTOUR)
