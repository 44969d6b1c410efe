"""The observability itself: what it costs, and whether it loses anything."""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

PROMETHEUS = Row(
    "Prometheus",
    (
        Panel(
            "Series in memory",
            Unit.COUNT,
            'max(prometheus_tsdb_head_series{job="prometheus"})',
            "What memory is spent on; LabelExplosion looks at its growth.",
        ),
        Panel(
            "Samples by job",
            Unit.COUNT,
            "sum by (job) (scrape_samples_post_metric_relabeling)",
            "Who is the reason for them, after what is thrown away.",
            ("job",),
        ),
        Panel(
            "Longest scrape",
            Unit.SECONDS,
            "max by (job) (scrape_duration_seconds)",
            "A target that takes longer than its timeout is down to Prometheus.",
            ("job",),
        ),
        Panel(
            "Time to evaluate rules",
            Unit.SECONDS,
            "max by (rule_group) (prometheus_rule_group_last_duration_seconds)",
            "It must stay far below the interval of 15 s.",
            ("rule_group",),
        ),
        Panel(
            "Samples that wait for the external store",
            Unit.COUNT,
            "sum(prometheus_remote_storage_samples_pending)",
            "It grows while VictoriaMetrics is away and is worked off when it is back.",
        ),
    ),
)
ALERTS = Row(
    "Alerts",
    (
        Panel(
            "Alerts that are firing",
            Unit.COUNT,
            'count by (alertname) (ALERTS{alertstate="firing"})',
            "Watchdog fires always: its absence is the alarm.",
            ("alertname",),
        ),
        Panel(
            "Notifications that failed",
            Unit.EVENTS,
            "sum by (integration) (rate(alertmanager_notifications_failed_total[5m]))",
            "Nobody hears of an alert whose mail is not sent; Alertmanager tries again.",
            ("integration",),
        ),
    ),
)
LOGS = Row(
    "Logs",
    (
        Panel(
            "Lines that came in",
            Unit.EVENTS,
            "sum(rate(vl_rows_ingested_total[5m]))",
            "0 with pods that run is an agent that does not send, or a store that does not take.",
        ),
        Panel(
            "Lines that the store refused",
            Unit.EVENTS,
            "sum by (reason) (rate(vl_rows_dropped_total[5m]))",
            "Too old, too new, or too many fields: lines that nobody will find.",
            ("reason",),
        ),
        Panel(
            "Batches that agents keep back",
            Unit.COUNT,
            "sum by (node) (otelcol_exporter_queue_size)",
            "They wait for the store, on the node's disk; it grows while the store is away.",
            ("node",),
        ),
        Panel(
            "Disk that logs take",
            Unit.BYTES,
            "sum(vl_data_size_bytes)",
            "The oldest day goes when its limit is reached.",
        ),
    ),
)

COST = Row(
    "Cost",
    (
        Panel(
            "Memory of the observability",
            Unit.BYTES,
            'sum by (namespace) (pod:memory:used_bytes{namespace=~"observability|node-agents"})',
            "1 GiB in all is what it may cost.",
            ("namespace",),
        ),
    ),
)

OBSERVABILITY = Dashboard(
    name="observability",
    title="Observability",
    why="What does watching cost, and does it miss anything?",
    rows=(ALERTS, PROMETHEUS, LOGS, COST),
)
