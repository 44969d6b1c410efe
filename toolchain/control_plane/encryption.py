"""The keys with which the API server encrypts Secrets before etcd gets them. Pure; `folder` holds the file.

Secrets alone: a ConfigMap is for what everybody may know, and encrypting it would say otherwise. The first key
encrypts, each of them decrypts. What was stored in the clear stays readable (`identity`, last), so that `rewrite` can
mend it.
Source: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
"""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import yaml

from toolchain.errors import ToolchainError

FILE = "encryption.yaml"
PREFIX = "k8s:enc:secretbox:v1:"
"""What etcd's values begin with, before the key's name and a colon."""
_KEY_BYTES = 32


@dataclass(frozen=True)
class Key:
    """A key: its name, which stands beside what it encrypted, and its 32 bytes as base64."""

    name: str
    secret: str = field(repr=False)


def with_new_key(keys: Sequence[Key]) -> list[Key]:
    """The keys with a new one before them: it encrypts from now on. Names count up and are not used again."""
    number = max((int(key.name.removeprefix("key")) for key in keys), default=0) + 1
    return [Key(f"key{number}", base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()), *keys]


def without_old_keys(keys: Sequence[Key], used: set[str]) -> list[Key]:
    """The first key alone.

    Args:
        keys: all keys.
        used: names of keys that something in etcd is encrypted with.

    Raises:
        ToolchainError: something would be lost.
    """
    lost = used & {key.name for key in keys[1:]}
    if lost:
        raise ToolchainError(
            f"Secrets are encrypted with {', '.join(sorted(lost))}",
            "a key is dropped when nothing needs it",
            "`blueprint encryption-key rewrite`, then drop again",
        )
    return list(keys[:1])


def render(keys: Sequence[Key]) -> str:
    """The file, as the API server reads it."""
    listed = [{"name": key.name, "secret": key.secret} for key in keys]
    providers = [{"secretbox": {"keys": listed}}, {"identity": {}}]
    return yaml.safe_dump(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        },
        sort_keys=False,
    )


def parse(text: str) -> list[Key]:
    """The keys of a file that `render` made, in their order.

    Raises:
        ToolchainError: it is not such a file.
    """
    try:
        listed = yaml.safe_load(text)["resources"][0]["providers"][0]["secretbox"]["keys"]
        return [Key(str(key["name"]), str(key["secret"])) for key in listed]
    except (yaml.YAMLError, LookupError, TypeError):
        raise ToolchainError(
            f"the file {FILE} of the cluster's keys is not as this project writes it",
            "only `blueprint encryption-key` writes it",
            "put it back from a copy; without its keys no Secret can be read",
        ) from None


def key_of(value: bytes) -> str:
    """The name of the key that encrypted a value of etcd; `none` for one in the clear."""
    begin, found, rest = value.partition(PREFIX.encode())
    return rest.partition(b":")[0].decode() if found and not begin else "none"
