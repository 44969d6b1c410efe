"""What every exhibit is made of: restricted pods of the toolbox that cost next to nothing and stop at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod

COMPONENT = "exhibit"
CONCEPT = "blueprint/concept"
"""The annotation that names what an exhibit shows, by the ids of docs/concepts. Nothing can select by it."""
USER = 65532
HTTP = 8080
SCRATCH = "/tmp"  # noqa: S108 - the pod's own


@dataclass(frozen=True)
class Room:
    """Where the exhibits stand.

    Attributes:
        namespace: the lab's.
        toolbox: the image of all exhibits that need nothing but a shell.
    """

    namespace: pulumi.Input[str]
    toolbox: pulumi.Input[str]


def metadata(room: Room, name: str, concepts: str, *, awaited: bool = True) -> ObjectMetaArgs:
    """An exhibit's name and labels, and what it shows.

    Args:
        room: where it stands.
        name: its own.
        concepts: the ids, separated by spaces.
        awaited: whether `pulumi up` waits until it is ready. Not for what depends on how many nodes there are.
    """
    annotations = {CONCEPT: concepts} | ({} if awaited else {"pulumi.com/skipAwait": "true"})
    return ObjectMetaArgs(name=name, namespace=room.namespace, labels=labels(name, COMPONENT), annotations=annotations)


def container(
    image: pulumi.Input[str],
    name: str,
    command: Sequence[str],
    *,
    mounts: Mapping[str, str] | None = None,
    memory: str = "4Mi",
    memory_limit: str = "32Mi",
    **more: Any,
) -> v1.ContainerArgs:
    """A restricted container.

    Args:
        image: its image by digest.
        name: its own.
        command: what it runs.
        mounts: by path, the volume that is seen there, or `volume/file` for one file of it. A scratch folder is always
            there.
        memory: what it asks for, a Kubernetes quantity.
        memory_limit: at how much it is killed.
        more: other fields of the container, such as its probes.
    """
    paths = {SCRATCH: "scratch"} | dict(mounts or {})
    return v1.ContainerArgs(
        name=name,
        image=image,
        command=list(command),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "5m", "memory": memory}, limits={"memory": memory_limit}
        ),
        security_context=restricted_container(),
        volume_mounts=[_mount(path, volume) for path, volume in paths.items()],
        **more,
    )


def _mount(path: str, volume: str) -> v1.VolumeMountArgs:
    name, _, file = volume.partition("/")
    return v1.VolumeMountArgs(name=name, mount_path=path, sub_path=file or None)


def until_stopped(*lines: str) -> list[str]:
    """A shell that runs the lines, the last one beside itself, and ends at once when it is told to.

    The kernel drops a signal that the first process of a container does not handle, so a plain `sleep` there would
    live on until the kubelet kills it at the end of the grace period.
    """
    *first, last = lines
    return ["sh", "-ec", "\n".join(["trap 'exit 0' TERM", *first, f"{last} & wait"])]


def idle() -> list[str]:
    """Does nothing, and may be entered with `kubectl exec`."""
    return until_stopped("sleep infinity")


def pod(
    containers: Sequence[v1.ContainerArgs], *, volumes: Sequence[v1.VolumeArgs] = (), **more: Any
) -> v1.PodSpecArgs:
    """A restricted pod without a token of the API server."""
    return v1.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        termination_grace_period_seconds=1,
        security_context=restricted_pod(USER),
        containers=list(containers),
        volumes=[shared("scratch"), *volumes],
        **more,
    )


def shared(name: str) -> v1.VolumeArgs:
    """An empty folder that lives as long as the pod: what a restarted container finds again."""
    return v1.VolumeArgs(name=name, empty_dir=v1.EmptyDirVolumeSourceArgs())


def template(name: str, spec: v1.PodSpecArgs, more: Mapping[str, str] | None = None) -> v1.PodTemplateSpecArgs:
    """The pods of a controller of this name; `more` are labels beside the recommended ones."""
    return v1.PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=labels(name, COMPONENT) | dict(more or {})), spec=spec)


def deployment(
    name: str, spec: v1.PodSpecArgs, *, replicas: int = 1, more: Mapping[str, str] | None = None
) -> DeploymentSpecArgs:
    """Keeps the pods of an exhibit. A bare Pod would not return when its node goes, and would hold up a drain."""
    return DeploymentSpecArgs(
        replicas=replicas,
        revision_history_limit=1,
        selector=LabelSelectorArgs(match_labels=selector(name)),
        template=template(name, spec, more),
    )


def asks(command: Sequence[str], *, period: int = 10, failures: int = 3) -> v1.ProbeArgs:
    """A probe that runs a command in the container."""
    return v1.ProbeArgs(
        exec_=v1.ExecActionArgs(command=list(command)),
        period_seconds=period,
        timeout_seconds=5,
        failure_threshold=failures,
    )
