"""Whom Alertmanager tells: services of ours that keep what they get on a claim, so that it can be looked at.

Each is a StatefulSet: never do two processes have one folder. Its Service is not headless, since its ports differ from
the container's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.data.store import READY_IN, container_ports, data_claim
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod
from infra.observability.alertmanager import beside_prometheus
from infra.observability.reading import http_probe

USER = 65532
STOP_SECONDS = 20
"""Longer than the service needs: 1 s, then up to 5 s for what is in flight, twice where it takes mail too."""
STOPPING = {"DRAIN_SECONDS": "1", "SHUTDOWN_SECONDS": "5"}
"""Less than other services: the next process waits until this one has ended, and Alertmanager tries again."""


@dataclass(frozen=True)
class Receiver:
    """What is different from one to the other.

    Attributes:
        name: the service's, its image's and that of all its objects.
        ports: container's ports by name.
        service_ports: the Service's, by the same names.
        folder: where its claim is mounted.
        storage: the claim's size, a Kubernetes quantity.
        settings: what the service is told.
    """

    name: str
    ports: Mapping[str, int]
    service_ports: Mapping[str, int]
    folder: str
    storage: str
    settings: Mapping[str, str]


def receiver(
    kind: Receiver, namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> StatefulSet:
    """The receiver's account, its Service, and its StatefulSet, which is there once the pod is ready."""
    own = _metadata(kind, namespace)
    account = v1.ServiceAccount(kind.name, metadata=own, automount_service_account_token=False, opts=opts)
    v1.Service(
        kind.name,
        metadata=_metadata(kind, namespace, {"pulumi.com/skipAwait": "true"}),
        spec=receiver_service(kind),
        opts=opts,
    )
    after = pulumi.ResourceOptions(depends_on=[account], custom_timeouts=READY_IN)
    return StatefulSet(
        kind.name,
        metadata=own,
        spec=receiver_set(kind, image),
        opts=pulumi.ResourceOptions.merge(opts, after),
    )


def receiver_service(kind: Receiver) -> v1.ServiceSpecArgs:
    """Each port leads to the container's of its name."""
    return v1.ServiceSpecArgs(
        selector=selector(kind.name),
        ports=[
            v1.ServicePortArgs(name=port, port=number, target_port=port) for port, number in kind.service_ports.items()
        ],
    )


def receiver_set(kind: Receiver, image: pulumi.Input[str]) -> StatefulSetSpecArgs:
    """One replica with its claim, on the node of whoever alerts."""
    return StatefulSetSpecArgs(
        service_name=kind.name,
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(kind.name)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=_labels(kind)),
            spec=v1.PodSpecArgs(
                service_account_name=kind.name,
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=STOP_SECONDS,
                affinity=beside_prometheus(),
                containers=[receiver_container(kind, image)],
            ),
        ),
        volume_claim_templates=[data_claim(kind.storage)],
    )


def receiver_container(kind: Receiver, image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The service's program."""
    settings = {"SERVICE_VERSION": version("blueprint"), **STOPPING, **kind.settings}
    return v1.ContainerArgs(
        name=kind.name,
        image=image,
        env=[v1.EnvVarArgs(name=key, value=value) for key, value in settings.items()],
        ports=container_ports(kind.ports),
        startup_probe=http_probe("/startupz", "http", period=1, failures=120),
        readiness_probe=http_probe("/readyz", "http", period=5, failures=2),
        liveness_probe=http_probe("/livez", "http", period=10, failures=3),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "64Mi"}, limits={"memory": "160Mi"}),
        security_context=restricted_container(),
        volume_mounts=[v1.VolumeMountArgs(name="data", mount_path=kind.folder)],
    )


def _labels(kind: Receiver) -> dict[str, str]:
    return labels(kind.name, "monitoring", version("blueprint"))


def _metadata(
    kind: Receiver, namespace: pulumi.Input[str], annotations: Mapping[str, pulumi.Input[str]] | None = None
) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=kind.name, namespace=namespace, labels=_labels(kind), annotations=annotations)
