"""The catalog: products from PostgreSQL, behind two replicas."""

import hashlib
from typing import Any

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.data import Login
from infra.lib.labels import labels

NAME = "catalog"
SECRET = "catalog-postgres"  # noqa: S105 - a name
SECRETS = "/run/secrets/postgres"


def catalog_secret(login: Login, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions) -> v1.Secret:
    """The login's password, in the catalog's own namespace."""
    metadata = ObjectMetaArgs(name=SECRET, namespace=namespace, labels=labels(NAME, "service"))
    return v1.Secret(SECRET, metadata=metadata, string_data={"password": login.password}, opts=opts)


def catalog_values(login: Login) -> dict[str, Any]:
    """Where the database is, the password as a file, and the migration that runs before each release."""
    return {
        "env": {
            "POSTGRES_HOST": login.host,
            "POSTGRES_PORT": str(login.port),
            "POSTGRES_DATABASE": login.name,
            "POSTGRES_USER": login.name,
            "POSTGRES_PASSWORD_FILE": f"{SECRETS}/password",
        },
        "secrets": [{"name": SECRET, "path": SECRETS, "checksum": login.password.apply(checksum)}],
        "migration": {"enabled": True},
    }


def checksum(secret: str) -> str:
    """What changes when the secret does, and tells nothing of it: the secret has 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
