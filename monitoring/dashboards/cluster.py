"""The cluster: what should run and does not, the control plane, and what containers take."""

from monitoring.dashboards.model import Dashboard, Panel, Row, Unit

THERE = Row(
    "Is everything there?",
    (
        Panel(
            "Targets that cannot be read",
            Unit.COUNT,
            "sum by (job) (1 - up)",
            "What is not read cannot alert: look here before believing that all is well.",
            ("job",),
        ),
        Panel(
            "Pods by phase",
            Unit.COUNT,
            "sum by (phase) (kube_pod_status_phase)",
            "Pending pods find no place or no image; Failed ones stay to be looked at.",
            ("phase",),
        ),
        Panel(
            "Replicas that are missing",
            Unit.COUNT,
            "sum by (namespace) (kube_deployment_status_replicas_unavailable)",
            "The difference between what was asked for and what is ready.",
            ("namespace",),
        ),
        Panel(
            "Restarts in half an hour",
            Unit.COUNT,
            "sum by (namespace) (pod:restarts:last30m)",
            "A container that starts again and again may look ready each time somebody asks.",
            ("namespace",),
        ),
    ),
)
CONTROL_PLANE = Row(
    "Control plane",
    (
        Panel(
            "Requests to the API server",
            Unit.REQUESTS,
            "sum by (verb) (rate(apiserver_request_total[5m]))",
            "A client in a loop shows here first, by the verb that it repeats.",
            ("verb",),
        ),
        Panel(
            "API server, p95",
            Unit.SECONDS,
            "histogram_quantile(0.95, sum by (verb, le)"
            ' (rate(apiserver_request_duration_seconds_bucket{verb!~"WATCH|CONNECT"}[5m]))) >= 0',
            "Everything in the cluster waits for it. Watches are long by nature and are left out.",
            ("verb",),
        ),
        Panel(
            "etcd: writing its log to disk, p99",
            Unit.SECONDS,
            "histogram_quantile(0.99, sum by (le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m])))",
            "Above 10 ms the disk is too slow for etcd, and then everything is.",
        ),
        Panel(
            "etcd: size of the database",
            Unit.BYTES,
            "max by (instance) (etcd_mvcc_db_total_size_in_bytes)",
            "At its quota (2 GiB) etcd refuses every write.",
            ("instance",),
        ),
        Panel(
            "Pods that wait for a node",
            Unit.COUNT,
            "sum by (queue) (scheduler_pending_pods)",
            "Unschedulable ones need room or another rule; those in backoff are tried again.",
            ("queue",),
        ),
        Panel(
            "Longest queues of the controllers",
            Unit.COUNT,
            'topk(5, sum by (name) (workqueue_depth{job="controller-manager"}))',
            "A queue that only grows is a controller that does not keep up.",
            ("name",),
        ),
        Panel(
            "Answers of CoreDNS",
            Unit.EVENTS,
            "sum by (rcode) (rate(coredns_dns_responses_total[5m]))",
            "SERVFAIL is a fault; NXDOMAIN is mostly the search list at work.",
            ("rcode",),
        ),
    ),
)
CONTAINERS = Row(
    "Containers",
    (
        Panel(
            "Processor time by namespace",
            Unit.CORES,
            "sum by (namespace) (pod:cpu:used_cores5m)",
            "Who takes the cores.",
            ("namespace",),
        ),
        Panel(
            "Memory by namespace",
            Unit.BYTES,
            "sum by (namespace) (pod:memory:used_bytes)",
            "The part that cannot be taken back: what the kernel kills for, and what limits are compared with.",
            ("namespace",),
        ),
        Panel(
            "Pods nearest to their memory limit",
            Unit.RATIO,
            "topk(5, pod:memory:used_ratio_of_limit)",
            "At 1 the kernel kills.",
            ("namespace", "pod"),
        ),
    ),
)

CLUSTER = Dashboard(
    name="cluster",
    title="Cluster",
    why="Does all run that should, and does the control plane keep up?",
    rows=(THERE, CONTROL_PLANE, CONTAINERS),
)
