"""Jobs of the Kubernetes layer: the control plane, the kubelets with cAdvisor, DNS, and the state of all objects."""

from monitoring.scraping.finding import PLACE, SERVICE, behind, component, only
from monitoring.scraping.model import Job, Kubernetes, Limits, Needs, Step, drop, forget, keep, put

_NAME = "__name__"
_COMPONENT, _APP = "__meta_kubernetes_pod_label_component", "__meta_kubernetes_pod_label_k8s_app"
_NODE = put("The node, by its name.", "node", "__meta_kubernetes_node_name")

NO_BUCKETS = drop(
    "Histograms cost a series for each bound and each set of labels. Their sums and counts stay, and give the mean.",
    (_NAME,),
    ".+_bucket",
)
NO_RUNTIME = drop(
    "What Go's runtime says of itself, but for what leaks: goroutines and the heap.",
    (_NAME,),
    "go_(gc|sched|sync|cpu|cgo|info|threads|memstats_(mspan|mcache|stack|gc|last|lookups|mallocs|frees|next|other"
    "|buck|heap_(idle|objects|released|sys)|alloc_bytes_total|sys)).*",
)


def some_buckets(histogram: str, bounds: tuple[str, ...]) -> tuple[Step, ...]:
    """Leaves of all buckets these bounds of that histogram. A quantile between two bounds is a guess along a line."""
    said = "|".join(bound.replace(".", r"\.") + (r"(\.0)?" if bound.isdigit() else "") for bound in bounds)
    return (
        put(
            "Marks the buckets that stay: expressions here cannot say `all but`.",
            "__tmp_stays",
            _NAME,
            "le",
            regex=rf"{histogram}_bucket;({said}|\+Inf)",
            replacement="yes",
        ),
        drop("Drops the buckets without the mark.", ("__tmp_stays", _NAME), ";.+_bucket"),
        forget("Takes the mark away.", "__tmp_stays"),
    )


API_SERVER = Job(
    "apiserver",
    "The API server, which every change of the cluster passes: requests, how long they take, what it refuses.",
    Kubernetes("endpointslice"),
    (
        keep(
            "Of all endpoints, those of the Service `kubernetes`: the API servers by their nodes' addresses.",
            (
                "__meta_kubernetes_namespace",
                "__meta_kubernetes_service_name",
                "__meta_kubernetes_endpointslice_port_name",
            ),
            "default;kubernetes;https",
        ),
    ),
    (
        drop(
            "Watches last for minutes: how long says nothing.",
            (_NAME, "verb"),
            "apiserver_request_duration_seconds_.+;(WATCH|CONNECT)",
        ),
        *some_buckets("apiserver_request_duration_seconds", ("0.1", "0.4", "1", "5")),
        drop(
            "The same latencies told again by other names, and what only who changes the API server needs.",
            (_NAME,),
            "apiserver_(request_(sli|slo)_duration|request_body|response_sizes|watch_(events|cache)|cache_list"
            "|storage_(list|events|consistency)|flowcontrol_(priority|current|demand|seat|lower|upper|next|watch|work"
            "|target|request_(queue|execution|dispatch))|audit_level|webhooks|cel|validating|mutating"
            "|authorization_(match|webhook)|kube_aggregator|init_events|terminated_watchers|selfrequest).*"
            "|etcd_(request|requests|bookmark|lease)_.*|workqueue_.+_seconds.*|field_validation_.*"
            "|kubernetes_feature_enabled|authorization_.+_duration.*|authentication_token_cache_.*|aggregator_.*",
        ),
        NO_RUNTIME,
    ),
    tls=True,
    limits=Limits(samples=10000, megabytes=16),
)

SCHEDULER = Job(
    "scheduler",
    "The scheduler: pods that wait for a node, and how often it found none.",
    Kubernetes("pod"),
    component(_COMPONENT, "kube-scheduler", 10259),
    (NO_BUCKETS, NO_RUNTIME, drop("One series a switch, always the same.", (_NAME,), "kubernetes_feature_enabled")),
    tls=True,
    limits=Limits(samples=3000),
    needs=Needs.OWN_NODES,
)

CONTROLLER_MANAGER = Job(
    "controller-manager",
    "The controllers: how much work waits in the queue of each.",
    Kubernetes("pod"),
    component(_COMPONENT, "kube-controller-manager", 10257),
    (NO_BUCKETS, NO_RUNTIME, drop("One series a switch, always the same.", (_NAME,), "kubernetes_feature_enabled")),
    tls=True,
    limits=Limits(samples=3000),
    needs=Needs.OWN_NODES,
)

ETCD = Job(
    "etcd",
    "etcd, which holds all objects: has it a leader, how fast is its disk, how full is it. Asked without TLS at a port"
    " that serves metrics and health alone; a client certificate for its other port would open every object too.",
    Kubernetes("pod"),
    component(_COMPONENT, "etcd", 2381),
    (
        *some_buckets(
            "etcd_disk_(wal_fsync|backend_commit)_duration_seconds",
            ("0.001", "0.002", "0.004", "0.008", "0.016", "0.032", "0.064", "0.128", "0.256", "1.024"),
        ),
        drop("Every method with every code, nearly all of them 0.", (_NAME,), "grpc_server_.+"),
        NO_RUNTIME,
    ),
    needs=Needs.OWN_NODES,
)

_ASKS_KUBELETS = (
    "Its certificate is signed by itself, as kind's kubelets do it, so it is not looked at: who stands in for a node's"
    " address gets a token that reads metrics and the list of pods."
)

KUBELET = Job(
    "kubelet",
    f"The kubelet of every node: pods and containers that run, volumes, what of its own work fails. {_ASKS_KUBELETS}",
    Kubernetes("node"),
    (_NODE,),
    (
        NO_BUCKETS,
        NO_RUNTIME,
        drop(
            "One series a switch, and histograms of its inner steps.",
            (_NAME,),
            "kubernetes_feature_enabled|kubelet_(cgroup_manager|runtime_operations_duration|pleg_.+)_.+"
            "|storage_operation_duration_.+|csi_operations_.+|get_token_.+|http_client_.+|rest_client_(request_size"
            "|response_size|rate_limiter|request_duration)_.+",
        ),
    ),
    tls=True,
    verified=False,
    limits=Limits(samples=4000),
)

_CONTAINER_METRICS = (
    "container_cpu_usage_seconds_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_memory_working_set_bytes",
    "container_memory_rss",
    "container_memory_cache",
    "container_oom_events_total",
    "container_fs_reads_bytes_total",
    "container_fs_writes_bytes_total",
    "container_network_(receive|transmit)_(bytes|errors|packets_dropped)_total",
    "container_spec_memory_limit_bytes",
    "container_start_time_seconds",
    "container_threads",
    "machine_cpu_cores",
    "machine_memory_bytes",
)

CADVISOR = Job(
    "cadvisor",
    f"Every container as its node sees it, by cAdvisor in the kubelet: CPU, memory, disk, network. {_ASKS_KUBELETS}",
    Kubernetes("node"),
    (_NODE,),
    (
        keep(
            "Of some 90 metrics of each container those that somebody looks at.", (_NAME,), "|".join(_CONTAINER_METRICS)
        ),
        put(
            "The node's own network. The node exporter cannot see it from its pod, so these stand under its names.",
            _NAME,
            _NAME,
            "id",
            "interface",
            regex="container_network_(receive|transmit)_(bytes)_total;/;eth0",
            replacement="node_network_${1}_${2}_total",
        ),
        put(
            "Its errors, which the node exporter abbreviates.",
            _NAME,
            _NAME,
            "id",
            "interface",
            regex="container_network_(receive|transmit)_errors_total;/;eth0",
            replacement="node_network_${1}_errs_total",
        ),
        put(
            "The interface, under the node exporter's name for it.", "device", _NAME, "interface", regex="node_.+;(.+)"
        ),
        put("And its job.", "job", _NAME, regex="node_.+", replacement="node"),
        drop(
            "Sums of control groups that are no container: pods, their classes, the whole node.",
            (_NAME, "container"),
            "container_(cpu|memory|oom|fs|spec|start|threads).*;",
        ),
        drop("The network of what is no pod.", (_NAME, "pod"), "container_network_.+;"),
        forget(
            "Long names of the control group, which change with every start, of the image and of its hash.",
            "id|name|image",
        ),
    ),
    path="/metrics/cadvisor",
    tls=True,
    verified=False,
    limits=Limits(samples=3000, megabytes=8),
)

COREDNS = Job(
    "coredns",
    "The cluster's name servers: what they are asked, and what they answer.",
    Kubernetes("endpointslice"),
    (*behind("kube-system", "kube-dns", 9153), SERVICE, *PLACE),
    (
        drop(
            "Sizes and times of each zone; those of requests stay.",
            (_NAME,),
            "coredns_.+_(size_bytes|duration_seconds)_bucket",
        ),
        NO_RUNTIME,
    ),
)

KUBE_STATE_METRICS = Job(
    "kube-state-metrics",
    "The objects of the cluster as series: what is wanted, what is there, and what is wrong with it.",
    Kubernetes("endpointslice"),
    (*behind("observability", "kube-state-metrics", 8080), only("kube-state-metrics")),
    own_labels=True,
    limits=Limits(samples=8000, megabytes=8),
)

JOBS = (
    API_SERVER,
    SCHEDULER,
    CONTROLLER_MANAGER,
    ETCD,
    KUBELET,
    CADVISOR,
    COREDNS,
    KUBE_STATE_METRICS,
)
