"""kube-state-metrics: the objects of the cluster as series. Rules compare by them what is wanted with what is there."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.data.store import READY_IN, container_ports
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod
from infra.observability.reading import account_mount, account_volume, http_probe, metadata, reader

NAME = "kube-state-metrics"
PORTS = {"http-metrics": 8080, "telemetry": 8081}
USER = 65532
RESOURCES = {
    "": (
        *("namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods"),
        *("replicationcontrollers", "resourcequotas", "services"),
    ),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "policy": ("poddisruptionbudgets",),
}
"""What it shows, by API group, and therefore may read. Neither Secrets nor ConfigMaps, which it could show too."""
UNUSED = (
    "kube_pod_tolerations",
    "kube_pod_status_(qos_class|scheduled_time|container_ready_time|ready_time|initialized_time|unschedulable)",
    "kube_pod_(completion_time|restart_policy|ips|scheduler|service_account|deletion_timestamp)",
    "kube_pod_init_container_.+",
    "kube_pod_spec_volumes_.+",
    "kube_replicaset_(metadata_generation|created|status_observed_generation)",
    "kube_.+_(annotations|labels)",
)
"""Series of which there is one or more for each pod or old ReplicaSet, and which nobody looks at."""


def kube_state_metrics(
    namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> Deployment:
    """The Deployment with its Service and what it may read."""
    needed = reader(NAME, namespace, rules(), opts)
    v1.Service(
        NAME,
        metadata=metadata(NAME, namespace, annotations={"pulumi.com/skipAwait": "true"}),
        spec=v1.ServiceSpecArgs(
            selector=selector(NAME),
            ports=[v1.ServicePortArgs(name=name, port=port, target_port=name) for name, port in PORTS.items()],
        ),
        opts=opts,
    )
    after = pulumi.ResourceOptions(depends_on=needed, custom_timeouts=READY_IN)
    return Deployment(
        NAME,
        metadata=metadata(NAME, namespace),
        spec=deployment(image),
        opts=pulumi.ResourceOptions.merge(opts, after),
    )


def rules() -> list[rbac.PolicyRuleArgs]:
    """It lists what it shows and watches it; it changes nothing."""
    return [
        rbac.PolicyRuleArgs(api_groups=[group], resources=list(kinds), verbs=["list", "watch"])
        for group, kinds in RESOURCES.items()
    ]


def deployment(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """One of it: a second would say everything twice."""
    return DeploymentSpecArgs(
        replicas=1,
        revision_history_limit=3,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "metrics")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=restricted_pod(USER),
                containers=[container(image)],
                volumes=[account_volume()],
            ),
        ),
    )


def container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The program. It lives while it can be asked at all: its /livez asks the API server, and one that is away is no
    reason to start it again.
    """
    kinds = sorted(kind for kinds in RESOURCES.values() for kind in kinds)
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=[f"/{NAME}"],
        args=[
            f"--port={PORTS['http-metrics']}",
            f"--telemetry-port={PORTS['telemetry']}",
            f"--resources={','.join(kinds)}",
            f"--metric-denylist={','.join(f'^{name}$' for name in UNUSED)}",
        ],
        env=[v1.EnvVarArgs(name="GOMEMLIMIT", value="72MiB")],
        ports=container_ports(PORTS),
        startup_probe=http_probe("/healthz", "http-metrics", period=1, failures=60),
        readiness_probe=http_probe("/readyz", "telemetry", period=5, failures=3),
        liveness_probe=http_probe("/healthz", "http-metrics", period=10, failures=6),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "96Mi"}),
        security_context=restricted_container(),
        volume_mounts=[account_mount()],
    )
