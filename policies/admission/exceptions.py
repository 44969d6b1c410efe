"""Who may do what a rule forbids to all others, and why."""

from policies.admission.rule import Allowed

TOKENS = (
    Allowed("edge", "web", "its page shows the pods that are there, which it asks the API server for"),
    Allowed("edge", "contour", "it reads routes and certificates from the API server"),
    Allowed("local-path-storage", "local-path-provisioner", "it makes volumes for claims that it sees there"),
    Allowed("observability", "prometheus", "the API server tells it its targets, and what it and kubelets measure"),
    Allowed("observability", "kube-state-metrics", "it shows the cluster's objects as series"),
    Allowed("observability", "metrics-adapter", "it lists the pods whose requests it tells, and checks who asks"),
)
HOST_PATHS = (
    Allowed("local-path-storage", "local-path-helper", "it makes and removes the folders of volumes"),
    Allowed("node-agents", "node-exporter", "it reads /proc, /sys and what is mounted, and can write none of it"),
    Allowed("node-agents", "log-agent", "it reads the logs of its node, and keeps there how far it has read"),
)
WAYS_IN = (
    Allowed("edge", "gateway-nodeport", "the port of the host's loopback leads to it"),
    Allowed("edge", "gateway-loadbalancer", "the way in from the cluster's network"),
    Allowed("edge", "envoy", "the way in by host name and TLS"),
)
UNRESTRICTED_NAMESPACES = (
    Allowed("local-path-storage", "local-path-storage", "helper pods make folders on the node (hostPath)"),
    Allowed("node-agents", "node-agents", "agents that read their node (hostPath)"),
)
