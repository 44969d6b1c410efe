"""Contour: reads routes by the Kubernetes API and gives them to Envoy. No request passes through it."""

from collections.abc import Mapping
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.edge.parts import CERTIFICATES, READY_IN, USER, certificate_volume, metadata, tcp_probe
from infra.edge.routes import CLASS, GATEWAY, GATEWAY_API
from infra.lib.checksum import checksum
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod

NAME = "contour"
XDS = 8001
METRICS = 8000
ENVOY_METRICS = 9100
"""Where Envoy's figures are, as those of every service of ours."""
CONFIGURATION = "/etc/contour"
FILE = "contour.yaml"
UNUSED = ("extensionservices", "tlsroutes", "grpcroutes", "tcproutes", "backendtlspolicies")
"""Kinds that nothing here uses: neither watched, nor allowed to be, nor defined in the cluster."""
_READ = ["get", "list", "watch"]
_RBAC = "rbac.authorization.k8s.io"


def contour(namespace: pulumi.Output[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> Deployment:
    """The Deployment with its configuration, its Service and what it may do; it is ready once Envoy may ask it."""
    text = namespace.apply(configuration)
    own = metadata(NAME, namespace)
    config = v1.ConfigMap(NAME, metadata=own, data={FILE: text}, opts=opts)
    v1.Service(
        NAME,
        metadata=metadata(NAME, namespace, {"pulumi.com/skipAwait": "true"}),
        spec=v1.ServiceSpecArgs(
            selector=selector(NAME), ports=[v1.ServicePortArgs(name="xds", port=XDS, target_port="xds")]
        ),
        opts=opts,
    )
    after = pulumi.ResourceOptions(depends_on=[config, *access(namespace, opts)], custom_timeouts=READY_IN)
    return Deployment(
        NAME,
        metadata=own,
        spec=deployment(namespace, image, text.apply(checksum)),
        opts=pulumi.ResourceOptions.merge(opts, after),
    )


def configuration(namespace: str) -> str:
    """Contour's file. Envoy's administration by a port, which Contour opens by default, is left out.

    Source: https://projectcontour.io/docs/1.33/configuration/#configuration-file
    """
    settings = {
        "gateway": {"gatewayRef": {"namespace": namespace, "name": GATEWAY}},
        "envoy-service-namespace": namespace,
        "envoy-service-name": "envoy",
        "accesslog-format": "json",
        "disablePermitInsecure": True,
        "tls": {"minimum-protocol-version": "1.2"},
        "timeouts": {"request-timeout": "60s", "connection-idle-timeout": "60s"},
        "network": {"admin-port": 0},
    }
    return yaml.safe_dump(settings, sort_keys=False)


def access(namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Its service account; what it may do in its own namespace, and the little that it may read everywhere."""
    account = v1.ServiceAccount(
        NAME, metadata=metadata(NAME, namespace), automount_service_account_token=False, opts=opts
    )
    subject = rbac.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=namespace)
    everywhere = ObjectMetaArgs(name=NAME, labels=labels(NAME, "routing"))
    return [
        account,
        rbac.Role(NAME, metadata=metadata(NAME, namespace), rules=own_rules(), opts=opts),
        rbac.RoleBinding(
            NAME,
            metadata=metadata(NAME, namespace),
            role_ref=rbac.RoleRefArgs(api_group=_RBAC, kind="Role", name=NAME),
            subjects=[subject],
            opts=opts,
        ),
        rbac.ClusterRole(NAME, metadata=everywhere, rules=cluster_rules(), opts=opts),
        rbac.ClusterRoleBinding(
            NAME,
            metadata=everywhere,
            role_ref=rbac.RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=NAME),
            subjects=[subject],
            opts=opts,
        ),
    ]


def own_rules() -> list[rbac.PolicyRuleArgs]:
    """Of Contour's published ClusterRole what its one namespace needs: the certificates of others stay unread.

    Source: examples/contour/02-role-contour.yaml of the module
    """
    return [
        _rule("", ["services", "secrets"], _READ),
        _rule("discovery.k8s.io", ["endpointslices"], _READ),
        _rule("networking.k8s.io", ["ingresses"], _READ),
        _rule("networking.k8s.io", ["ingresses/status"], ["update"]),
        _rule(GATEWAY_API, ["gateways", "httproutes", "referencegrants"], _READ),
        _rule(GATEWAY_API, ["gateways/status", "httproutes/status"], ["update"]),
        _rule("projectcontour.io", ["httpproxies", "tlscertificatedelegations"], _READ),
        _rule("projectcontour.io", ["httpproxies/status"], ["update"]),
    ]


def cluster_rules() -> list[rbac.PolicyRuleArgs]:
    """What lies in no namespace."""
    return [
        _rule("", ["namespaces"], _READ),
        _rule(GATEWAY_API, ["gatewayclasses"], _READ),
    ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> rbac.PolicyRuleArgs:
    return rbac.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=verbs)


def deployment(namespace: pulumi.Input[str], image: pulumi.Input[str], reads: pulumi.Input[str]) -> DeploymentSpecArgs:
    """One Contour: while it is away Envoy goes on with what it knows, and no new route is taken up."""
    return DeploymentSpecArgs(
        replicas=1,
        revision_history_limit=3,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "routing"), annotations={"blueprint/reads": reads}),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=True,
                security_context=restricted_pod(USER),
                containers=[container(namespace, image)],
                volumes=[
                    certificate_volume("contour-xds"),
                    v1.VolumeArgs(name="configuration", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME)),
                ],
            ),
        ),
    )


def container(namespace: pulumi.Input[str], image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server. It speaks to nobody who has no certificate of its own authority.

    It is ready when it serves Envoy, which is after it has read all routes. It lives while it answers at all: its own
    /healthz asks the API server too, and one that is away is no reason to start Contour again.
    """
    own: Mapping[str, Any] = {"http_get": v1.HTTPGetActionArgs(path="/metrics", port="metrics")}
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        args=[
            *("serve", "--incluster", f"--config-path={CONFIGURATION}/{FILE}", "--disable-leader-election"),
            pulumi.Output.concat("--watch-namespaces=", namespace),
            f"--ingress-class-name={CLASS}",
            *(f"--disable-feature={kind}" for kind in UNUSED),
            *("--xds-address=0.0.0.0", f"--xds-port={XDS}", f"--http-port={METRICS}"),
            *("--stats-address=0.0.0.0", f"--stats-port={ENVOY_METRICS}"),
            f"--contour-cafile={CERTIFICATES}/ca.crt",
            f"--contour-cert-file={CERTIFICATES}/tls.crt",
            f"--contour-key-file={CERTIFICATES}/tls.key",
        ],
        ports=[
            v1.ContainerPortArgs(name="xds", container_port=XDS),
            v1.ContainerPortArgs(name="metrics", container_port=METRICS),
        ],
        startup_probe=tcp_probe("xds", period=1, failures=120),
        readiness_probe=tcp_probe("xds", period=5, failures=2),
        liveness_probe=v1.ProbeArgs(**own, period_seconds=10, timeout_seconds=5, failure_threshold=6),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "20m", "memory": "48Mi"}, limits={"memory": "192Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="certificate", mount_path=CERTIFICATES, read_only=True),
            v1.VolumeMountArgs(name="configuration", mount_path=CONFIGURATION, read_only=True),
        ],
    )
