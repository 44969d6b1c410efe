"""The metrics API (`kubectl top`, and what the HorizontalPodAutoscaler reads), by metrics-server."""

import pulumi
from pulumi_kubernetes.apiregistration.v1 import APIService, APIServiceSpecArgs, ServiceReferenceArgs
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.image import Images
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod

NAME = "metrics-server"
NAMESPACE = "kube-system"
PORT = 10250
USER = 65532
_RBAC_GROUP = "rbac.authorization.k8s.io"


class MetricsServer(pulumi.ComponentResource):
    """metrics-server, its access and the APIService that leads to it."""

    def __init__(self, name: str, images: Images, opts: pulumi.ResourceOptions) -> None:
        super().__init__("blueprint:foundation:MetricsServer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        access = metrics_access(child)
        deployment = Deployment(
            NAME,
            metadata=_metadata(),
            spec=metrics_deployment(images.reference(NAME)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=access),
        )
        service = v1.Service(
            NAME,
            metadata=ObjectMetaArgs(
                name=NAME,
                namespace=NAMESPACE,
                labels=labels(NAME, "metrics"),
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=v1.ServiceSpecArgs(
                selector=selector(NAME),
                ports=[v1.ServicePortArgs(name="https", port=443, target_port="https", app_protocol="https")],
            ),
            opts=child,
        )
        APIService(
            "metrics-api",
            metadata=ObjectMetaArgs(name="v1beta1.metrics.k8s.io"),
            spec=APIServiceSpecArgs(
                group="metrics.k8s.io",
                version="v1beta1",
                group_priority_minimum=100,
                version_priority=100,
                insecure_skip_tls_verify=True,
                service=ServiceReferenceArgs(name=NAME, namespace=NAMESPACE, port=443),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment, service]),
        )
        self.register_outputs({})


def _metadata(name: str = NAME) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=labels(NAME, "metrics"))


def metrics_access(opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Its service account; the right to read nodes' metrics and to check who asks; the aggregated view role."""
    subject = rbac.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=NAMESPACE)
    own_role = rbac.RoleRefArgs(api_group=_RBAC_GROUP, kind="ClusterRole", name=f"system:{NAME}")
    delegator = rbac.RoleRefArgs(api_group=_RBAC_GROUP, kind="ClusterRole", name="system:auth-delegator")
    reader = rbac.RoleRefArgs(api_group=_RBAC_GROUP, kind="Role", name="extension-apiserver-authentication-reader")
    aggregate = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in ("admin", "edit", "view")}
    read = ["get", "list", "watch"]
    return [
        v1.ServiceAccount(NAME, metadata=_metadata(), opts=opts),
        rbac.ClusterRole(
            NAME,
            metadata=ObjectMetaArgs(name=f"system:{NAME}"),
            rules=[
                rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes/metrics"], verbs=["get"]),
                rbac.PolicyRuleArgs(api_groups=[""], resources=["pods", "nodes"], verbs=read),
            ],
            opts=opts,
        ),
        rbac.ClusterRole(
            "aggregated-metrics-reader",
            metadata=ObjectMetaArgs(name="system:aggregated-metrics-reader", labels=aggregate),
            rules=[rbac.PolicyRuleArgs(api_groups=["metrics.k8s.io"], resources=["pods", "nodes"], verbs=read)],
            opts=opts,
        ),
        rbac.ClusterRoleBinding(
            NAME,
            metadata=ObjectMetaArgs(name=f"system:{NAME}"),
            role_ref=own_role,
            subjects=[subject],
            opts=opts,
        ),
        rbac.ClusterRoleBinding(
            f"{NAME}-delegator",
            metadata=ObjectMetaArgs(name=f"{NAME}:system:auth-delegator"),
            role_ref=delegator,
            subjects=[subject],
            opts=opts,
        ),
        rbac.RoleBinding(
            f"{NAME}-auth-reader",
            metadata=_metadata(f"{NAME}-auth-reader"),
            role_ref=reader,
            subjects=[subject],
            opts=opts,
        ),
    ]


def metrics_deployment(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """One metrics-server. kind's kubelets sign their own certificates, so these are not verified."""
    arguments = [
        f"--secure-port={PORT}",
        "--cert-dir=/tmp",
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        "--kubelet-insecure-tls",
        "--metric-resolution=15s",
    ]
    container = v1.ContainerArgs(
        name=NAME,
        image=image,
        command=[f"/{NAME}"],
        args=arguments,
        ports=[v1.ContainerPortArgs(name="https", container_port=PORT)],
        readiness_probe=_probe("/readyz"),
        liveness_probe=_probe("/livez"),
        startup_probe=_probe("/livez", period=2, failures=60),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "20m", "memory": "40Mi"}, limits={"memory": "200Mi"}),
        security_context=restricted_container(),
        volume_mounts=[v1.VolumeMountArgs(name="certificates", mount_path="/tmp")],  # noqa: S108 - the pod's own
    )
    return DeploymentSpecArgs(
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "metrics")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                priority_class_name="system-cluster-critical",
                security_context=restricted_pod(USER),
                containers=[container],
                volumes=[v1.VolumeArgs(name="certificates", empty_dir=v1.EmptyDirVolumeSourceArgs())],
            ),
        ),
    )


def _probe(path: str, period: int = 10, failures: int = 3) -> v1.ProbeArgs:
    return v1.ProbeArgs(
        http_get=v1.HTTPGetActionArgs(path=path, port="https", scheme="HTTPS"),
        period_seconds=period,
        failure_threshold=failures,
    )
