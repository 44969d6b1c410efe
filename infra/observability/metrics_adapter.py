"""The metrics adapter: gives the HorizontalPodAutoscaler each pod's requests per second, out of Prometheus.

It is an API server of its own behind the cluster's (`custom.metrics.k8s.io`), which passes on who asks; the adapter
asks back whether that one may. Its program is sigs.k8s.io/prometheus-adapter.
"""

import base64
from collections.abc import Mapping

import pulumi
import yaml
from pulumi_kubernetes.apiregistration.v1 import APIService, APIServiceSpecArgs, ServiceReferenceArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.data.store import secret_volume
from infra.lib.authority import Authority
from infra.lib.checksum import checksum
from infra.lib.labels import labels
from infra.lib.leaf import Leaf
from infra.observability import prometheus
from infra.observability.stateless import Mounted, Program, deployed, metadata

NAME = "metrics-adapter"
HOST = f"{NAME}.observability.svc"
"""By this name the API server checks the certificate: <service>.<namespace>.svc."""
PORT = 6443
GROUP, VERSION = "custom.metrics.k8s.io", "v1beta2"
METRIC = "http_requests_per_second"
SCALED_SPACES = ("edge", "shop")
"""Where a service is scaled by requests: the adapter may list the pods there and nowhere else."""
CONFIGURATION, FILE = "/etc/adapter", "rules.yaml"
CERTIFICATE = "/run/secrets/certificate"
AWAY_SECONDS = 30
_RBAC = "rbac.authorization.k8s.io"


def metrics_adapter(
    namespaces: pulumi.Output[Mapping[str, str]],
    image: pulumi.Input[str],
    authority: Authority,
    opts: pulumi.ResourceOptions,
) -> APIService:
    """The adapter with its rights, its certificate and its rules, and the API that leads to it."""
    namespace = namespaces["observability"]
    own = metadata(NAME, namespace)
    config = v1.ConfigMap(NAME, metadata=own, data={FILE: rules_file()}, opts=opts)
    leaf = Leaf(f"{NAME}-certificate", authority, [HOST, f"{HOST}.cluster.local"], opts)
    certificate = v1.Secret(
        NAME,
        metadata=own,
        type="kubernetes.io/tls",
        string_data={"tls.crt": leaf.certificate, "tls.key": leaf.key},
        opts=opts,
    )
    before: list[pulumi.Resource] = [config, certificate, *access(namespaces, opts)]
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=before))
    serving = deployed(program(image), namespace, after)
    return APIService(
        "custom-metrics-api",
        metadata=ObjectMetaArgs(name=f"{VERSION}.{GROUP}", labels=labels(NAME, "monitoring")),
        spec=APIServiceSpecArgs(
            group=GROUP,
            version=VERSION,
            group_priority_minimum=100,
            version_priority=100,
            ca_bundle=authority.certificate.apply(lambda text: base64.b64encode(text.encode()).decode()),
            service=ServiceReferenceArgs(name=NAME, namespace=namespace, port=443),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[serving])),
    )


def rules_file() -> str:
    """One metric: the requests that each pod of a service answered per second, over the last minute.

    It is looked for by a gauge that every service shows from its start on, so that a pod without a request yet counts
    as 0 and not as unknown.
    Source: https://github.com/kubernetes-sigs/prometheus-adapter/blob/v0.12.0/docs/config.md
    """
    chosen = 'job="services",<<.LabelMatchers>>'
    answered = f"sum by (<<.GroupBy>>) (rate(http_requests_total{{{chosen}}}[1m]))"
    rule = {
        "seriesQuery": 'http_requests_in_flight{job="services",namespace!="",pod!=""}',
        "resources": {"overrides": {kind: {"resource": kind} for kind in ("namespace", "pod")}},
        "name": {"matches": "^http_requests_in_flight$", "as": METRIC},
        "metricsQuery": f"{answered} or 0 * sum by (<<.GroupBy>>) (<<.Series>>{{{chosen}}})",
    }
    return yaml.safe_dump({"rules": [rule]}, sort_keys=False)


def program(image: pulumi.Input[str]) -> Program:
    """Its certificate is read again when it changes, its rules at its start alone.

    While no adapter answers, namespaces that are deleted wait for it: the API server cannot say that nothing of this
    API is left in them. So its pod does not wait five minutes on a node that is away.
    """
    away = [
        v1.TolerationArgs(
            key=f"node.kubernetes.io/{state}", operator="Exists", effect="NoExecute", toleration_seconds=AWAY_SECONDS
        )
        for state in ("not-ready", "unreachable")
    ]
    rules = v1.VolumeArgs(name="rules", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME))
    return Program(
        NAME,
        image,
        [
            f"--config={CONFIGURATION}/{FILE}",
            f"--prometheus-url={prometheus.URL}",
            *("--metrics-relist-interval=30s", "--metrics-max-age=5m"),
            *(f"--secure-port={PORT}", "--tls-min-version=VersionTLS13", "--profiling=false"),
            f"--tls-cert-file={CERTIFICATE}/tls.crt",
            f"--tls-private-key-file={CERTIFICATE}/tls.key",
        ],
        {"https": PORT},
        memory_mib=(40, 128),
        service_ports={"https": 443},
        mounts=[Mounted(rules, CONFIGURATION), Mounted(secret_volume("certificate", NAME), CERTIFICATE)],
        ready="/readyz",
        live="/livez",
        scheme="HTTPS",
        reads=checksum(rules_file()),
        token=True,
        tolerations=away,
    )


def access(namespaces: pulumi.Output[Mapping[str, str]], opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """What it may do: check who asks, and list the pods of the services that are scaled.

    The autoscaler's own right to read the metrics is among those that Kubernetes brings.
    Source: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server/
    """
    subject = rbac.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=namespaces["observability"])
    delegator = rbac.RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name="system:auth-delegator")
    reader = rbac.RoleRefArgs(api_group=_RBAC, kind="Role", name="extension-apiserver-authentication-reader")
    made: list[pulumi.Resource] = [
        rbac.ClusterRoleBinding(
            f"{NAME}-delegator",
            metadata=ObjectMetaArgs(name=f"{NAME}:system:auth-delegator", labels=labels(NAME, "monitoring")),
            role_ref=delegator,
            subjects=[subject],
            opts=opts,
        ),
        rbac.RoleBinding(
            f"{NAME}-authentication",
            metadata=metadata(NAME, "kube-system"),
            role_ref=reader,
            subjects=[subject],
            opts=opts,
        ),
    ]
    for space in SCALED_SPACES:
        own = metadata(NAME, namespaces[space])
        rules = [rbac.PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["list"])]
        lists = rbac.RoleRefArgs(api_group=_RBAC, kind="Role", name=NAME)
        role = rbac.Role(f"{NAME}-{space}", metadata=own, rules=rules, opts=opts)
        bound = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[role]))
        made += [
            role,
            rbac.RoleBinding(f"{NAME}-{space}", metadata=own, role_ref=lists, subjects=[subject], opts=bound),
        ]
    return made
