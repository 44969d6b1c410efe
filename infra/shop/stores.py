"""What a service is given to reach its stores: where each is, as whom to log in, and the password as a file.

A password lies in a Secret `<service>-<store>` of the service's own namespace, mounted at /run/secrets/<store>.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.data import Data
from infra.lib.checksum import checksum
from infra.lib.labels import labels

USES = {
    "catalog": ("postgres", "valkey"),
    "inventory": ("postgres",),
    "orders": ("postgres", "nats"),
    "notifications": ("nats",),
    "report": ("nats",),
}
"""Which stores a service uses; who is not named here keeps nothing in one."""


@dataclass(frozen=True)
class Access:
    """One service's access to one store.

    Attributes:
        service: who logs in.
        store: at what.
        settings: where the store is, and as whom to log in.
        password: what the store knows the service by.
        server: what must be there before the service is.
    """

    service: str
    store: str
    settings: Mapping[str, str]
    password: pulumi.Output[str]
    server: pulumi.Resource

    @property
    def secret(self) -> str:
        """The name of the Secret."""
        return f"{self.service}-{self.store}"

    @property
    def folder(self) -> str:
        """Where the Secret is mounted."""
        return f"/run/secrets/{self.store}"


def accesses(service: str, data: Data) -> list[Access]:
    """The service's access to each store that it uses."""
    return [_ACCESS[store](service, data) for store in USES.get(service, ())]


def postgres_access(service: str, data: Data) -> Access:
    """A database and a login of the service's own name."""
    login = data.postgres.logins[service]
    settings = {
        "POSTGRES_HOST": login.host,
        "POSTGRES_PORT": str(login.port),
        "POSTGRES_DATABASE": login.name,
        "POSTGRES_USER": login.name,
    }
    return Access(service, "postgres", settings, login.password, data.postgres)


def nats_access(service: str, data: Data) -> Access:
    """A user of the service's own name, who may do what the service needs and nothing else."""
    login = data.nats.logins[service]
    settings = {"NATS_URL": login.url, "NATS_USER": login.user}
    return Access(service, "nats", settings, login.password, data.nats)


def valkey_access(service: str, data: Data) -> Access:
    """The cache's one user."""
    login = data.valkey.login
    settings = {"VALKEY_HOST": login.host, "VALKEY_PORT": str(login.port), "VALKEY_USER": login.user}
    return Access(service, "valkey", settings, login.password, data.valkey)


_ACCESS: Mapping[str, Callable[[str, Data], Access]] = {
    "postgres": postgres_access,
    "nats": nats_access,
    "valkey": valkey_access,
}


def with_stores(values: Mapping[str, Any], stores: Sequence[Access]) -> dict[str, Any]:
    """The chart's values with the settings and the Secret of each store."""
    settings: dict[str, Any] = dict(values.get("env", {}))
    for access in stores:
        settings |= {**access.settings, f"{access.store.upper()}_PASSWORD_FILE": f"{access.folder}/password"}
    mounted = [
        {"name": access.secret, "path": access.folder, "checksum": access.password.apply(checksum)} for access in stores
    ]
    return {**values, "env": settings, "secrets": mounted}


def store_secrets(
    stores: Sequence[Access], namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Each password, in the service's own namespace."""
    return [
        v1.Secret(
            access.secret,
            metadata=ObjectMetaArgs(name=access.secret, namespace=namespace, labels=labels(access.service, "service")),
            string_data={"password": access.password},
            opts=opts,
        )
        for access in stores
    ]
