"""PostgreSQL. Owns the server, its claim, its administrator's password and one login per service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.lib.labels import labels, selector
from infra.lib.password import Password
from infra.lib.security import restricted_container, restricted_pod

NAME = "postgres"
PORT = 5432
USER = 70
DATA = "/var/lib/postgresql/data"
PASSWORDS = "/run/secrets/postgres"
ADMIN = "postgres"


@dataclass(frozen=True)
class PostgresArgs:
    """What decides the server.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        logins: the services that get a database and a login of their own name.
        storage: the claim's size, a Kubernetes quantity.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    logins: Sequence[str]
    storage: str = "1Gi"


@dataclass(frozen=True)
class Login:
    """How one service reaches its database."""

    host: str
    port: int
    name: str
    password: pulumi.Output[str]


class Postgres(pulumi.ComponentResource):
    """One PostgreSQL server whose data outlives its pod."""

    logins: Mapping[str, Login]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:data:Postgres", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        passwords = {user: Password(f"{name}-{user}", child).value for user in (ADMIN, *args.logins)}
        v1.Secret(name, metadata=metadata(args.namespace), string_data=passwords, opts=child)
        v1.ServiceAccount(name, metadata=metadata(args.namespace), automount_service_account_token=False, opts=child)
        v1.Service(name, metadata=service_metadata(args.namespace), spec=postgres_service(), opts=child)
        StatefulSet(
            name,
            metadata=metadata(args.namespace),
            spec=postgres_set(args),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(create="5m", update="5m")),
        )
        self.logins = {
            user: Login(host=f"{NAME}.data", port=PORT, name=user, password=passwords[user]) for user in args.logins
        }
        self.register_outputs({})


def metadata(namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    """The metadata that all its objects share."""
    return ObjectMetaArgs(name=NAME, namespace=namespace, labels=labels(NAME, "store"))


def service_metadata(namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    """Nothing waits for this Service: its clients retry until the server is there."""
    return ObjectMetaArgs(
        name=NAME,
        namespace=namespace,
        labels=labels(NAME, "store"),
        annotations={"pulumi.com/skipAwait": "true"},
    )


def postgres_service() -> v1.ServiceSpecArgs:
    """A headless Service: the name leads straight to the one server."""
    return v1.ServiceSpecArgs(
        cluster_ip="None",
        selector=selector(NAME),
        ports=[v1.ServicePortArgs(name="postgres", port=PORT, target_port="postgres")],
    )


def postgres_set(args: PostgresArgs) -> StatefulSetSpecArgs:
    """One replica with its claim; a rolling update stops the old server before the new one starts."""
    return StatefulSetSpecArgs(
        service_name=NAME,
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "store")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=60,
                containers=[postgres_container(args.image)],
                volumes=[
                    v1.VolumeArgs(
                        name="passwords",
                        secret=v1.SecretVolumeSourceArgs(secret_name=NAME, default_mode=0o440),
                    ),
                    v1.VolumeArgs(name="run", empty_dir=v1.EmptyDirVolumeSourceArgs(medium="Memory")),
                    v1.VolumeArgs(name="tmp", empty_dir=v1.EmptyDirVolumeSourceArgs()),
                ],
            ),
        ),
        volume_claim_templates=[data_claim(args.storage)],
    )


def postgres_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server. Its probes ask over its socket, as the program that it is."""
    ready = ["pg_isready", "--host=/var/run/postgresql", "--username=postgres", "--quiet"]
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        env=[
            v1.EnvVarArgs(name="PGDATA", value=f"{DATA}/pgdata"),
            v1.EnvVarArgs(name="POSTGRES_PASSWORDS", value=PASSWORDS),
        ],
        ports=[v1.ContainerPortArgs(name="postgres", container_port=PORT)],
        startup_probe=_command(ready, period=1, failures=120),
        readiness_probe=_command(ready, period=5, failures=2),
        liveness_probe=_command(ready, period=10, failures=6),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "50m", "memory": "96Mi"}, limits={"memory": "512Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="data", mount_path=DATA),
            v1.VolumeMountArgs(name="passwords", mount_path=PASSWORDS, read_only=True),
            v1.VolumeMountArgs(name="run", mount_path="/var/run/postgresql"),
            v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - the pod's own
        ],
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


def _command(command: list[str], period: int, failures: int) -> v1.ProbeArgs:
    return v1.ProbeArgs(
        exec_=v1.ExecActionArgs(command=command), period_seconds=period, timeout_seconds=5, failure_threshold=failures
    )
