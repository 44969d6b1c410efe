"""Who may do what a rule forbids to all others, and why."""

from policies.admission.rule import Allowed

TOKENS = (
    Allowed("edge", "web", "its page shows the pods that are there, which it asks the API server for"),
    Allowed("edge", "contour", "it reads routes and certificates from the API server"),
    Allowed("local-path-storage", "local-path-provisioner", "it makes volumes for claims that it sees there"),
)
HOST_PATHS = (Allowed("local-path-storage", "local-path-helper", "it makes and removes the folders of volumes"),)
WAYS_IN = (
    Allowed("edge", "gateway-nodeport", "the port of the host's loopback leads to it"),
    Allowed("edge", "gateway-loadbalancer", "the way in from the cluster's network"),
    Allowed("edge", "envoy", "the way in by host name and TLS"),
)
UNRESTRICTED_NAMESPACES = (
    Allowed("local-path-storage", "local-path-storage", "helper pods make folders on the node (hostPath)"),
)
