"""Alertmanager: groups alerts, holds back what follows from others, and tells people. Owns its server and its claim.

Who is told of what is data: `monitoring/alerting`. One server: two would gossip so that a mail is sent once, which the
claim does for one that is started again. While it is away Prometheus keeps its alerts and sends them anew.
"""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.data.store import READY_IN, container_ports, data_claim, headless_service
from infra.lib.checksum import checksum
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod
from infra.observability.reading import http_probe
from monitoring.alerting import ALERTING, render

NAME = "alertmanager"
COMPONENT = "monitoring"
PORTS = {"http": 9093}
USER = 65532
DATA = "/var/lib/alertmanager"
CONFIGURATION = "/etc/alertmanager"
FILE = "alertmanager.yml"
KEPT = "120h"
"""How long silences and the log of notifications stay after they ended."""
STOP_SECONDS = 30
_HOST = "kubernetes.io/hostname"


@dataclass(frozen=True)
class AlertmanagerArgs:
    """What decides the server.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        storage: the claim's size, a Kubernetes quantity: silences and the log of notifications are a few kilobytes.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    storage: str = "64Mi"


class Alertmanager(pulumi.ComponentResource):
    """One Alertmanager whose silences, and what it has told already, outlive its pod."""

    def __init__(self, name: str, args: AlertmanagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:observability:Alertmanager", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        text = render(ALERTING)
        own = _metadata(args.namespace)
        config = v1.ConfigMap(name, metadata=own, data={FILE: text}, opts=child)
        v1.ServiceAccount(name, metadata=own, automount_service_account_token=False, opts=child)
        v1.Service(
            name,
            metadata=_metadata(args.namespace, {"pulumi.com/skipAwait": "true"}),
            spec=headless_service(NAME, PORTS),
            opts=child,
        )
        waiting = pulumi.ResourceOptions(parent=self, depends_on=[config], custom_timeouts=READY_IN)
        StatefulSet(name, metadata=own, spec=alertmanager_set(args, checksum(text)), opts=waiting)
        self.register_outputs({})


def alertmanager_set(args: AlertmanagerArgs, reads: pulumi.Input[str]) -> StatefulSetSpecArgs:
    """One replica. It is started anew for a new configuration: it would only take one up when asked to by HTTP."""
    return StatefulSetSpecArgs(
        service_name=NAME,
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, COMPONENT), annotations={"blueprint/reads": reads}),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=STOP_SECONDS,
                affinity=beside_prometheus(),
                containers=[alertmanager_container(args.image)],
                volumes=[v1.VolumeArgs(name="configuration", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME))],
            ),
        ),
        volume_claim_templates=[data_claim(args.storage)],
    )


def beside_prometheus() -> v1.AffinityArgs:
    """On Prometheus's node where that can be: a chain whose links are on two nodes is broken by either."""
    term = v1.PodAffinityTermArgs(
        topology_key=_HOST, label_selector=LabelSelectorArgs(match_labels=selector("prometheus"))
    )
    return v1.AffinityArgs(
        pod_affinity=v1.PodAffinityArgs(
            preferred_during_scheduling_ignored_during_execution=[
                v1.WeightedPodAffinityTermArgs(weight=100, pod_affinity_term=term)
            ]
        )
    )


def alertmanager_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server, without the port by which several would speak to each other.

    Source: https://prometheus.io/docs/alerting/0.28/management_api/
    """
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=["/usr/bin/prometheus-alertmanager"],
        args=[
            f"--config.file={CONFIGURATION}/{FILE}",
            f"--storage.path={DATA}",
            f"--data.retention={KEPT}",
            f"--web.listen-address=:{PORTS['http']}",
            f"--web.external-url=http://{NAME}.observability:{PORTS['http']}",
            "--cluster.listen-address=",
            "--log.format=json",
        ],
        ports=container_ports(PORTS),
        startup_probe=http_probe("/-/ready", "http", period=1, failures=60, timeout=5),
        readiness_probe=http_probe("/-/ready", "http", period=5, failures=2, timeout=5),
        liveness_probe=http_probe("/-/healthy", "http", period=10, failures=3, timeout=5),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "24Mi"}, limits={"memory": "64Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="data", mount_path=DATA),
            v1.VolumeMountArgs(name="configuration", mount_path=CONFIGURATION, read_only=True),
        ],
    )


def _metadata(namespace: pulumi.Input[str], annotations: dict[str, pulumi.Input[str]] | None = None) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=NAME, namespace=namespace, labels=labels(NAME, COMPONENT), annotations=annotations)
