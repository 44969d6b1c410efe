"""PostgreSQL. Owns the server, its claim, its administrator's password, one login per service and one for figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1

from infra.data.store import (
    READY_IN,
    Store,
    command_probe,
    container_ports,
    headless_service,
    metadata,
    secret_volume,
    service_metadata,
    store_set,
)
from infra.lib.checksum import checksum
from infra.lib.password import Password
from infra.lib.security import restricted_container

NAME = "postgres"
PORT = 5432
PORTS = {"postgres": PORT}
USER = 70
STOP_SECONDS = 60
DATA = "/var/lib/postgresql/data"
PASSWORDS = "/run/secrets/postgres"
ADMIN = "postgres"
MONITOR = "exporter"
"""Who reads the server's figures, by the role pg_monitor, and no table of anybody's. Owns no database."""


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
    monitor: Login
    """Of the exporter. It may log in to the administrator's database alone."""

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:data:Postgres", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        passwords = {user: Password(f"{name}-{user}", child).value for user in (ADMIN, MONITOR, *args.logins)}
        own = metadata(NAME, args.namespace)
        v1.Secret(name, metadata=own, string_data=passwords, opts=child)
        v1.ServiceAccount(name, metadata=own, automount_service_account_token=False, opts=child)
        v1.Service(
            name, metadata=service_metadata(NAME, args.namespace), spec=headless_service(NAME, PORTS), opts=child
        )
        waiting = pulumi.ResourceOptions(parent=self, custom_timeouts=READY_IN)
        StatefulSet(name, metadata=own, spec=postgres_set(args), opts=waiting)
        logins = {user: Login(f"{NAME}.data", PORT, user, passwords[user]) for user in (MONITOR, *args.logins)}
        self.logins = {user: logins[user] for user in args.logins}
        self.monitor = logins[MONITOR]
        self.register_outputs({})


def postgres_set(args: PostgresArgs) -> StatefulSetSpecArgs:
    """The server with its claim, its passwords as files, and what it writes beside its data in memory and scratch."""
    volumes = [
        secret_volume("passwords", NAME),
        v1.VolumeArgs(name="run", empty_dir=v1.EmptyDirVolumeSourceArgs(medium="Memory")),
        v1.VolumeArgs(name="tmp", empty_dir=v1.EmptyDirVolumeSourceArgs()),
    ]
    made_at_start = checksum(" ".join((MONITOR, *args.logins)))
    return store_set(
        Store(NAME, USER, postgres_container(args.image), volumes, STOP_SECONDS, made_at_start, args.storage)
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
            v1.EnvVarArgs(name="POSTGRES_MONITOR", value=MONITOR),
        ],
        ports=container_ports(PORTS),
        startup_probe=command_probe(ready, period=1, failures=120),
        readiness_probe=command_probe(ready, period=5, failures=2),
        liveness_probe=command_probe(ready, period=10, failures=6),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "50m", "memory": "96Mi"}, limits={"memory": "512Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="data", mount_path=DATA),
            v1.VolumeMountArgs(name="passwords", mount_path=PASSWORDS, read_only=True),
            v1.VolumeMountArgs(name="run", mount_path="/var/run/postgresql"),
            v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - the pod's own
        ],
    )
