"""Valkey: a cache in memory. Owns the server, its users and how much it may hold; it keeps nothing.

A StatefulSet though it has no claim: never are there two servers at a time, or an invalidation would reach only one.
"""

import hashlib
from collections.abc import Mapping
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

NAME = "valkey"
PORT = 6379
PORTS = {"valkey": PORT}
USER = 65532
STOP_SECONDS = 10
CLIENT = "catalog"
MONITOR = "exporter"
"""Who reads the server's figures and no key."""
USERS = "/run/secrets/valkey"
USERS_FILE = "users.acl"
SETTINGS = {"VALKEY_MAXMEMORY": "64mb"}
"""Half of the container's limit: buffers of connections and fragmentation come on top."""


@dataclass(frozen=True)
class ValkeyArgs:
    """What decides the server.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]


@dataclass(frozen=True)
class ValkeyLogin:
    """How a service reaches the cache."""

    host: str
    port: int
    user: str
    password: pulumi.Output[str]


class Valkey(pulumi.ComponentResource):
    """One Valkey server, empty after each start."""

    login: ValkeyLogin
    monitor: ValkeyLogin
    """Of the exporter."""

    def __init__(self, name: str, args: ValkeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:data:Valkey", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        passwords = {user: Password(f"{name}-{user}", child).value for user in (CLIENT, MONITOR)}
        users = pulumi.Output.all(**passwords).apply(users_file)
        own = metadata(NAME, args.namespace)
        v1.Secret(name, metadata=own, string_data={USERS_FILE: users}, opts=child)
        v1.ConfigMap(name, metadata=own, data=SETTINGS, opts=child)
        v1.ServiceAccount(name, metadata=own, automount_service_account_token=False, opts=child)
        v1.Service(
            name, metadata=service_metadata(NAME, args.namespace), spec=headless_service(NAME, PORTS), opts=child
        )
        reads = pulumi.Output.unsecret(users.apply(lambda text: checksum(f"{text}{SETTINGS}")))
        waiting = pulumi.ResourceOptions(parent=self, custom_timeouts=READY_IN)
        StatefulSet(name, metadata=own, spec=valkey_set(args, reads), opts=waiting)
        self.login, self.monitor = (
            ValkeyLogin(f"{NAME}.data", PORT, user, passwords[user]) for user in (CLIENT, MONITOR)
        )
        self.register_outputs({})


def users_file(passwords: Mapping[str, str]) -> str:
    """Who may do what. The server knows passwords by their SHA-256 only, which is enough to check 256 random bits.

    Source: https://valkey.io/topics/acl/
    """
    hashed = {user: hashlib.sha256(password.encode()).hexdigest() for user, password in passwords.items()}
    rules = {
        # Whoever does not log in may do nothing.
        "default": "off resetchannels -@all",
        # The probes, from inside the container; what they could do harms nobody, so they need no secret.
        "probe": "on nopass resetchannels -@all +ping",
        # The catalog's cache: its own keys, with the commands of its scripts. It cannot list keys or see others'.
        CLIENT: f"on #{hashed[CLIENT]} resetchannels ~{CLIENT}:* -@all "
        "+get +set +del +eval +evalsha +script|load +ping",
        # The exporter: figures. The slow log and the list of clients, which show keys and values, are not among them.
        MONITOR: f"on #{hashed[MONITOR]} resetchannels -@all +info +latency|latest",
    }
    return "".join(f"user {user} {rule}\n" for user, rule in rules.items())


def valkey_set(args: ValkeyArgs, reads: pulumi.Input[str]) -> StatefulSetSpecArgs:
    """The server without a claim, and its users as a file."""
    users = secret_volume("users", NAME)
    return store_set(Store(NAME, USER, valkey_container(args.image), [users], STOP_SECONDS, reads))


def valkey_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server. Its probes ask as a user of their own; that it listens at all is what its start is known by."""
    ping = ["valkey-cli", "-e", "--no-auth-warning", "--user", "probe", "--pass", "", "ping"]
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        args=[
            *("--maxmemory", "$(VALKEY_MAXMEMORY)", "--maxmemory-policy", "allkeys-lru"),
            *("--save", "", "--appendonly", "no"),
            *("--set-proc-title", "no"),  # so that the process still shows its arguments
            *("--aclfile", f"{USERS}/{USERS_FILE}"),
        ],
        env=[setting(key) for key in SETTINGS],
        ports=container_ports(PORTS),
        startup_probe=v1.ProbeArgs(
            tcp_socket=v1.TCPSocketActionArgs(port="valkey"), period_seconds=1, failure_threshold=60
        ),
        readiness_probe=command_probe(ping, period=5, failures=2),
        liveness_probe=command_probe(ping, period=10, failures=3),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "20m", "memory": "32Mi"}, limits={"memory": "128Mi"}),
        security_context=restricted_container(),
        volume_mounts=[v1.VolumeMountArgs(name="users", mount_path=USERS, read_only=True)],
    )


def setting(key: str) -> v1.EnvVarArgs:
    """A value of the ConfigMap. Kubernetes puts it into the arguments that name it as $(key)."""
    source = v1.ConfigMapKeySelectorArgs(name=NAME, key=key)
    return v1.EnvVarArgs(name=key, value_from=v1.EnvVarSourceArgs(config_map_key_ref=source))
