"""NATS with JetStream. Owns the server, its claim, its users and their passwords; `streams` declares what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1

from infra.data.nats_users import PUBLISH, users_file
from infra.data.store import (
    READY_IN,
    Store,
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

NAME = "nats"
PORT = 4222
PORTS = {"nats": PORT, "monitoring": 8222}
USER = 65532
STOP_SECONDS = 30
DATA = "/var/lib/nats"
CONFIGURATION = "/etc/nats"
USERS = "/run/secrets/nats"
FILE = Path(__file__).with_name("nats.conf")
USERS_FILE = "users.conf"


@dataclass(frozen=True)
class NatsArgs:
    """What decides the server.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        storage: the claim's size, a Kubernetes quantity.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    storage: str = "1Gi"


@dataclass(frozen=True)
class NatsLogin:
    """How one service reaches the broker."""

    url: str
    user: str
    password: pulumi.Output[str]


class Nats(pulumi.ComponentResource):
    """One NATS server whose streams outlive its pod."""

    logins: Mapping[str, NatsLogin]

    def __init__(self, name: str, args: NatsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:data:Nats", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        passwords = {user: Password(f"{name}-{user}", child).value for user in PUBLISH}
        users = pulumi.Output.all(**passwords).apply(users_file)
        own = metadata(NAME, args.namespace)
        v1.Secret(name, metadata=own, string_data={USERS_FILE: users}, opts=child)
        v1.ConfigMap(name, metadata=own, data={FILE.name: FILE.read_text()}, opts=child)
        v1.ServiceAccount(name, metadata=own, automount_service_account_token=False, opts=child)
        v1.Service(
            name, metadata=service_metadata(NAME, args.namespace), spec=headless_service(NAME, PORTS), opts=child
        )
        reads = pulumi.Output.unsecret(users.apply(lambda text: checksum(text + FILE.read_text())))
        waiting = pulumi.ResourceOptions(parent=self, custom_timeouts=READY_IN)
        StatefulSet(name, metadata=own, spec=nats_set(args, reads), opts=waiting)
        url = f"nats://{NAME}.data:{PORT}"
        self.logins = {user: NatsLogin(url, user, password) for user, password in passwords.items()}
        self.register_outputs({})


def nats_set(args: NatsArgs, reads: pulumi.Input[str]) -> StatefulSetSpecArgs:
    """The server with its claim and its configuration.

    It stops at SIGTERM, within a second. Its lame-duck mode is for clusters: a single server in it ends JetStream at
    once and lets its clients go one by one, so all would wait for the last before the next server starts.
    """
    volumes = [
        v1.VolumeArgs(name="configuration", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME)),
        secret_volume("users", NAME),
    ]
    return store_set(Store(NAME, USER, nats_container(args.image), volumes, STOP_SECONDS, reads, args.storage))


def nats_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server.

    It has started when every stream is recovered; it is ready while JetStream answers; and it lives while it can be
    asked at all, so that a stream in trouble is no reason to kill it.
    Source: https://docs.nats.io/running-a-nats-service/nats_admin/monitoring#health
    """
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        args=["--config", f"{CONFIGURATION}/{FILE.name}"],
        ports=container_ports(PORTS),
        startup_probe=_http("/healthz", period=1, failures=120),
        readiness_probe=_http("/healthz?js-enabled-only=true", period=5, failures=2),
        liveness_probe=_http("/healthz?js-server-only=true", period=10, failures=3),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "50m", "memory": "48Mi"}, limits={"memory": "256Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="data", mount_path=DATA),
            v1.VolumeMountArgs(name="configuration", mount_path=CONFIGURATION, read_only=True),
            v1.VolumeMountArgs(name="users", mount_path=USERS, read_only=True),
        ],
    )


def _http(path: str, period: int, failures: int) -> v1.ProbeArgs:
    return v1.ProbeArgs(
        http_get=v1.HTTPGetActionArgs(path=path, port="monitoring"),
        period_seconds=period,
        timeout_seconds=5,
        failure_threshold=failures,
    )
