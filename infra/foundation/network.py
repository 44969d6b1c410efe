"""The cluster's network: Cilium in place of kube-proxy, Hubble, and addresses for LoadBalancer Services."""

from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.helm.v3 import Release, ReleaseArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.cluster import Cluster
from infra.image import Images
from toolchain import charts

_AGENT_CAPABILITIES = [
    *("CHOWN", "KILL", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "SYS_MODULE"),
    *("SYS_ADMIN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "SYSLOG"),
]
_CLEAN_CAPABILITIES = ["NET_ADMIN", "SYS_MODULE", "SYS_ADMIN"]
_DROPS = {
    "enabled": True,
    "allowList": ['{"verdict":["DROPPED"]}'],
    "fieldMask": [
        *("time", "verdict", "drop_reason_desc", "traffic_direction", "IP", "l4"),
        *("source.namespace", "source.pod_name", "destination.namespace", "destination.pod_name"),
    ],
    "fileMaxSizeMb": 20,
    "fileMaxBackups": 1,
}
"""Each agent writes what was dropped to a file on its node, a line of JSON a flow: who was refused what, and why."""
_SEEN = [
    "drop:labelsContext=source_namespace,source_workload,destination_namespace,destination_workload",
    *("flow", "tcp", "port-distribution"),
]
"""What each agent counts of the flows on its node. Who is at the ends is told of drops alone, which are few: each pair
is a series.
Source: https://docs.cilium.io/en/v1.19/observability/metrics/#hubble-metrics
"""
GRACE = "250ms"
"""How long a relabelled pod keeps its old rights, so that other nodes learn of its new ones first. Cilium's is 5 s."""
JITTER = "0s"
"""How long it may wait, by chance, before that. Cilium's 30 s spread the work on clusters of thousands of nodes."""

NEW_PODS = "endpoint-create=auto-adjust:false,rate-limit:10/s,rate-burst:10,parallel-requests:4"
"""How fast an agent connects new pods to the network: as fast as it can, four at a time.

By default it slows down, to less than one in 2 s, where the processor is busy, as when a node with 40 pods starts
again: most wait for a minute, are refused, and are tried again later. More at a time run into the time limit of 90 s.
Source: https://docs.cilium.io/en/v1.19/configuration/api-rate-limiting/
"""


class CiliumNetwork(pulumi.ComponentResource):
    """Cilium by its own chart, with LB-IPAM and L2 announcements on the cluster's network."""

    def __init__(self, name: str, cluster: Cluster, images: Images, opts: pulumi.ResourceOptions) -> None:
        super().__init__("blueprint:foundation:CiliumNetwork", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        values = cilium_values(
            cluster.api_server_host, images.reference("cilium-agent"), images.reference("cilium-operator")
        )
        release = Release(
            "cilium",
            ReleaseArgs(name="cilium", namespace="kube-system", chart=str(charts.cilium()), values=values, timeout=300),
            child,
        )
        installed = pulumi.ResourceOptions(parent=self, depends_on=[release])
        CustomResource(
            "load-balancer-pool",
            api_version="cilium.io/v2",
            kind="CiliumLoadBalancerIPPool",
            metadata=ObjectMetaArgs(name="cluster-network"),
            spec={"blocks": [address_block(cluster.load_balancer_range)]},
            opts=installed,
        )
        CustomResource(
            "l2-announcements",
            api_version="cilium.io/v2alpha1",
            kind="CiliumL2AnnouncementPolicy",
            metadata=ObjectMetaArgs(name="cluster-network"),
            spec={"loadBalancerIPs": True, "externalIPs": True, "interfaces": ["^eth[0-9]+"]},
            opts=installed,
        )
        self.register_outputs({})


def address_block(first_and_last: pulumi.Output[list[str]]) -> pulumi.Output[dict[str, str]]:
    """The pool's block from its first and last address."""
    return first_and_last.apply(lambda ends: {"start": ends[0], "stop": ends[1]})


def cilium_values(api_server: str, agent: pulumi.Input[str], operator: pulumi.Input[str]) -> dict[str, Any]:
    """The chart's values. Envoy is left out: only Cilium's own build of it has the filters that rules about HTTP need.

    Rules about names need none: their proxy, which sees the answers of DNS, is in the agent itself.

    The capability lists leave out SYS_RESOURCE, BPF and PERFMON, which SYS_ADMIN covers and some hosts cannot give.
    """
    return {
        "image": {"override": agent, "pullPolicy": "IfNotPresent"},
        "operator": {"image": {"override": operator, "pullPolicy": "IfNotPresent"}, "replicas": 1},
        "kubeProxyReplacement": True,
        "k8sServiceHost": api_server,
        "k8sServicePort": 6443,
        "ipam": {"mode": "kubernetes"},
        "routingMode": "tunnel",
        "tunnelProtocol": "vxlan",
        "envoy": {"enabled": False},
        "l7Proxy": True,
        "disableEnvoyVersionCheck": True,
        "hubble": {
            "enabled": True,
            "relay": {"enabled": False},
            "ui": {"enabled": False},
            "export": {"static": _DROPS},
            "metrics": {"enabled": _SEEN},
        },
        "prometheus": {"enabled": True},  # the agents' own figures; the operator shows its own anyway
        "bpf": {"events": {event: {"enabled": True} for event in ("drop", "policyVerdict", "trace")}},
        "rollOutCiliumPods": True,  # a changed setting of the agents restarts them, one node at a time
        "identityChangeGracePeriod": GRACE,
        "extraConfig": {"identity-max-jitter": JITTER},
        "apiRateLimit": NEW_PODS,
        "l2announcements": {"enabled": True},
        "externalIPs": {"enabled": True},
        "securityContext": {
            "capabilities": {"ciliumAgent": _AGENT_CAPABILITIES, "cleanCiliumState": _CLEAN_CAPABILITIES}
        },
    }
