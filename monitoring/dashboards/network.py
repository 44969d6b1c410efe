"""The network: what policies refuse, what flows, and how the gateway is reached."""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

REFUSED = Row(
    "Refused",
    (
        Panel(
            "Packets that a policy dropped",
            Unit.EVENTS,
            'sum by (direction) (rate(cilium_drop_count_total{reason="Policy denied"}[5m]))'
            ' or label_replace(vector(0), "direction", "none", "", "")',
            "0 in a shop whose flows are declared: anything else is an attacker, or a flow that policies/flows lacks.",
            ("direction",),
        ),
        Panel(
            "Packets dropped for other reasons",
            Unit.EVENTS,
            'sum by (reason) (rate(cilium_drop_count_total{reason!="Policy denied"}[5m]))'
            ' or label_replace(vector(0), "reason", "none", "", "")',
            "A stale address or a full table, by the reason that Cilium gives.",
            ("reason",),
        ),
        Panel(
            "Who was refused",
            Unit.EVENTS,
            "topk(10, sum by (source_workload, destination_workload) (rate(hubble_drop_total[5m])))"
            ' or label_replace(vector(0), "source_workload", "nobody", "", "")',
            "Dropped flows by who asked and who was asked, as Hubble saw them.",
            ("source_workload", "destination_workload"),
        ),
    ),
)
FLOWS = Row(
    "Flows",
    (
        Panel(
            "Flows by verdict",
            Unit.EVENTS,
            "sum by (verdict) (rate(hubble_flows_processed_total[5m]))",
            "How much is looked at, and what became of it.",
            ("verdict",),
        ),
        Panel(
            "Endpoints by state",
            Unit.COUNT,
            "sum by (endpoint_state) (cilium_endpoint_state)",
            "Each pod is an endpoint; one that is not ready has no policy in force yet, and no network.",
            ("endpoint_state",),
        ),
        Panel(
            "Pods under a policy",
            Unit.COUNT,
            "sum by (enforcement) (cilium_policy_endpoint_enforcement_status)",
            "`both` is default-deny in both directions: what every pod of the suite must be.",
            ("enforcement",),
        ),
    ),
)
EDGE = Row(
    "Ways in",
    (
        Panel(
            "Answers of Envoy by class",
            Unit.REQUESTS,
            'sum by (envoy_response_code_class) (rate(envoy_http_downstream_rq_xx{job="envoy"}[5m]))',
            "What came in by name; the node port leads to the gateway directly.",
            ("envoy_response_code_class",),
        ),
        Panel(
            "Probes from outside",
            Unit.RATIO,
            "avg by (job) (probe_success)",
            "1 while a visitor's way works: HTTP through the gateway, the stores' ports, names.",
            ("job",),
        ),
        Panel(
            "Days until a certificate ends",
            Unit.COUNT,
            "min by (instance) ((probe_ssl_earliest_cert_expiry - time()) / 86400)",
            "CertificateExpiring fires well before 0.",
            ("instance",),
        ),
    ),
)

NETWORK = Dashboard(
    name="network",
    title="Network",
    why="Does a policy refuse anything, and do the ways in work?",
    rows=(REFUSED, FLOWS, EDGE),
)
