"""What all stores have in common: one server each, in a StatefulSet, behind a headless Service of its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.lib.labels import labels, selector
from infra.lib.security import restricted_pod

READY_IN = pulumi.CustomTimeouts(create="5m", update="5m")


def metadata(name: str, namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    """The metadata that all objects of a store share."""
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "store"))


def service_metadata(name: str, namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    """Nothing waits for a store's Service: its clients retry until the server is there."""
    return ObjectMetaArgs(
        name=name,
        namespace=namespace,
        labels=labels(name, "store"),
        annotations={"pulumi.com/skipAwait": "true"},
    )


def headless_service(name: str, ports: Mapping[str, int]) -> v1.ServiceSpecArgs:
    """A headless Service: the name leads straight to the one server. Each port leads to the container's of its name."""
    return v1.ServiceSpecArgs(
        cluster_ip="None",
        selector=selector(name),
        ports=[v1.ServicePortArgs(name=port, port=number, target_port=port) for port, number in ports.items()],
    )


def container_ports(ports: Mapping[str, int]) -> list[v1.ContainerPortArgs]:
    """The same ports, as the container has them."""
    return [v1.ContainerPortArgs(name=port, container_port=number) for port, number in ports.items()]


@dataclass(frozen=True)
class Store:
    """What is different from store to store.

    Attributes:
        name: the store's.
        user: the numeric user that it runs as.
        container: its server.
        volumes: what is mounted beside its claim.
        stop_seconds: how long it may take to stop.
        storage: the size of its claim `data`, a Kubernetes quantity; None for a store that keeps nothing.
        reads: the checksum of what the server reads at its start alone: a change of it restarts the server.
    """

    name: str
    user: int
    container: v1.ContainerArgs
    volumes: Sequence[v1.VolumeArgs]
    stop_seconds: int
    reads: pulumi.Input[str] = ""
    storage: str | None = None


def store_set(store: Store) -> StatefulSetSpecArgs:
    """One replica; a rolling update stops the old server before the new one starts."""
    return StatefulSetSpecArgs(
        service_name=store.name,
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(store.name)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(store.name, "store"), annotations={"blueprint/reads": store.reads}),
            spec=v1.PodSpecArgs(
                service_account_name=store.name,
                automount_service_account_token=False,
                security_context=restricted_pod(store.user),
                termination_grace_period_seconds=store.stop_seconds,
                containers=[store.container],
                volumes=list(store.volumes),
            ),
        ),
        volume_claim_templates=None if store.storage is None else [data_claim(store.storage)],
    )


def data_claim(storage: str) -> v1.PersistentVolumeClaimArgs:
    """The claim that outlives the pod."""
    return v1.PersistentVolumeClaimArgs(
        metadata=ObjectMetaArgs(name="data"),
        spec=v1.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            resources=v1.VolumeResourceRequirementsArgs(requests={"storage": storage}),
        ),
    )


def secret_volume(name: str, secret: str) -> v1.VolumeArgs:
    """A Secret as files that the pod's group alone reads."""
    return v1.VolumeArgs(name=name, secret=v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440))


def command_probe(command: list[str], period: int, failures: int) -> v1.ProbeArgs:
    """Asks by running a program in the container."""
    return v1.ProbeArgs(
        exec_=v1.ExecActionArgs(command=command), period_seconds=period, timeout_seconds=5, failure_threshold=failures
    )
