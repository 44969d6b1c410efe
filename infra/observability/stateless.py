"""What the small programs of observability have in common: one pod of a Deployment behind a Service of its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod

USER = 65532
READY_IN = pulumi.CustomTimeouts(create="5m", update="5m")
STOP_SECONDS = 10


@dataclass(frozen=True)
class Mounted:
    """A volume and the folder in which the program finds it."""

    volume: v1.VolumeArgs
    path: str
    read_only: bool = True


@dataclass(frozen=True)
class Program:
    """What is different from program to program.

    Attributes:
        name: the program's, and that of all its objects.
        image: its image by digest, whose entry point it is.
        arguments: of the entry point.
        ports: container's ports by name; the first is the one that probes ask.
        memory_mib: what it needs, and the most that it may take.
        service_ports: name → number where the Service's number differs from the container's.
        environment: its variables; a secret is a file.
        mounts: its files.
        ready: the path that says whether it serves; None asks whether the port is open.
        live: the path that says whether it is to be left alone; None likewise.
        scheme: HTTP or HTTPS, for the probes.
        reads: changes when a file does that is read at the start alone, and so replaces the pod.
        token: whether it gets a token of the API server.
        tolerations: how long it stays on a node that is away, where that is not Kubernetes' five minutes.
    """

    name: str
    image: pulumi.Input[str]
    arguments: Sequence[pulumi.Input[str]]
    ports: Mapping[str, int]
    memory_mib: tuple[int, int]
    service_ports: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Mounted] = ()
    ready: str | None = None
    live: str | None = None
    scheme: str = "HTTP"
    reads: pulumi.Input[str] = ""
    token: bool = False
    tolerations: Sequence[v1.TolerationArgs] = ()


def metadata(
    name: str, namespace: pulumi.Input[str], annotations: Mapping[str, pulumi.Input[str]] | None = None
) -> ObjectMetaArgs:
    """The metadata that a program's objects share."""
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "monitoring"), annotations=annotations)


def deployed(program: Program, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> Deployment:
    """The program's account, its Service, and its Deployment, which is there once the pod is ready."""
    own = metadata(program.name, namespace)
    account = v1.ServiceAccount(program.name, metadata=own, automount_service_account_token=False, opts=opts)
    v1.Service(
        program.name,
        metadata=metadata(program.name, namespace, {"pulumi.com/skipAwait": "true"}),
        spec=service_spec(program),
        opts=opts,
    )
    after = pulumi.ResourceOptions(depends_on=[account], custom_timeouts=READY_IN)
    return Deployment(
        program.name,
        metadata=own,
        spec=deployment_spec(program),
        opts=pulumi.ResourceOptions.merge(opts, after),
    )


def service_spec(program: Program) -> v1.ServiceSpecArgs:
    """Each port leads to the container's of its name."""
    numbers = {**program.ports, **program.service_ports}
    return v1.ServiceSpecArgs(
        selector=selector(program.name),
        ports=[v1.ServicePortArgs(name=port, port=number, target_port=port) for port, number in numbers.items()],
    )


def deployment_spec(program: Program) -> DeploymentSpecArgs:
    """One pod; the next one serves before the last one ends."""
    return DeploymentSpecArgs(
        replicas=1,
        revision_history_limit=3,
        selector=LabelSelectorArgs(match_labels=selector(program.name)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(
                labels=labels(program.name, "monitoring"), annotations={"blueprint/reads": program.reads}
            ),
            spec=v1.PodSpecArgs(
                service_account_name=program.name,
                automount_service_account_token=program.token,
                enable_service_links=False,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=STOP_SECONDS,
                containers=[container(program)],
                tolerations=list(program.tolerations),
                volumes=[mounted.volume for mounted in program.mounts],
            ),
        ),
    )


def container(program: Program) -> v1.ContainerArgs:
    """The program, asked by its first port."""
    needed, most = program.memory_mib
    return v1.ContainerArgs(
        name=program.name,
        image=program.image,
        args=list(program.arguments),
        env=[v1.EnvVarArgs(name=key, value=value) for key, value in program.environment.items()],
        ports=[v1.ContainerPortArgs(name=name, container_port=number) for name, number in program.ports.items()],
        startup_probe=_probe(program, None, period=1, failures=60),
        readiness_probe=_probe(program, program.ready, period=5, failures=2),
        liveness_probe=_probe(program, program.live, period=10, failures=3),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "10m", "memory": f"{needed}Mi"}, limits={"memory": f"{most}Mi"}
        ),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name=one.volume.name, mount_path=one.path, read_only=one.read_only)
            for one in program.mounts
        ],
    )


def _probe(program: Program, path: str | None, period: int, failures: int) -> v1.ProbeArgs:
    port = next(iter(program.ports))
    asked = v1.HTTPGetActionArgs(path=path, port=port, scheme=program.scheme) if path else None
    return v1.ProbeArgs(
        http_get=asked,
        tcp_socket=None if asked else v1.TCPSocketActionArgs(port=port),
        period_seconds=period,
        timeout_seconds=3,
        failure_threshold=failures,
    )
