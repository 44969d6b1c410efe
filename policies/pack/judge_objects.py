"""What breaks the rules about anything but pods, as admission says it. What is unknown breaks nothing."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from policies.pack.known import UNKNOWN, part, parts
from policies.pack.resources import Resource

LEVEL = "pod-security.kubernetes.io/enforce"
EVERYBODY = (
    *("system:anonymous", "system:unauthenticated", "system:authenticated"),
    *("system:serviceaccounts", "system:masters"),
)
SECRET_NAME = re.compile(r"(^|[_.-])(password|passwd|token|secret|api[_-]?key|private[_-]?key)$", re.IGNORECASE)
"""The name of a setting whose value is a credential. One that ends in `_FILE` says where it lies, and is fine."""
SECRET_VALUE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s:@$]+@")
"""A private key, or an address with a password in it."""


def service_type(service: Resource) -> Iterable[str]:
    """A way in from outside."""
    found = part(service.props, "spec", "type")
    return [found] if found in ("NodePort", "LoadBalancer") else []


def external_address(service: Resource) -> Iterable[str]:
    """Addresses outside the cluster that it takes traffic for, or leads to."""
    yield from (one for one in parts(service.props, "spec", "externalIPs") if one is not UNKNOWN)
    name = part(service.props, "spec", "externalName")
    if isinstance(name, str) and not name.endswith(".svc.cluster.local"):
        yield name


def wildcard(role: Resource) -> Iterable[str]:
    """Rules of a role with a `*`."""
    for rule in parts(role.props, "rules"):
        words = [word for name in ("verbs", "resources", "apiGroups") for word in parts(rule, name)]
        if any(isinstance(word, str) and "*" in word for word in words):
            yield f"{_joined(rule, 'verbs')} on {_joined(rule, 'resources')}"


def _joined(rule: Any, name: str) -> str:
    return " ".join(str(word) for word in parts(rule, name))


def broad_binding(binding: Resource) -> Iterable[str]:
    """Too great a role, and subjects that are a crowd."""
    names = [part(binding.props, "roleRef", "name"), *(part(one, "name") for one in parts(binding.props, "subjects"))]
    return [name for name in names if name in ("cluster-admin", *EVERYBODY)]


def restricted_namespace(namespace: Resource) -> Iterable[str]:
    """The level that it enforces instead."""
    level = part(namespace.props, "metadata", "labels", LEVEL)
    return [] if level in ("restricted", UNKNOWN) else [f"enforces {level or 'nothing'}"]


def legible_secret(secret: Resource) -> Iterable[str]:
    """Its parts that are not encrypted in the state.

    The engine shows packs no marks of secrets, but the outputs that it is to encrypt: the SDK's class names them.
    """
    return [name for name in ("data", "stringData") if part(secret.props, name) and name not in secret.secret_outputs]


def open_credentials(configuration: Resource) -> Iterable[str]:
    """The names under which a ConfigMap seems to hold a credential, which whoever may list them reads."""
    return credentials(part(configuration.props, "data"))


def credentials(values: Any) -> Iterable[str]:
    """The names under which a credential seems to lie; never the value."""
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, str) and value and (SECRET_NAME.search(name) or SECRET_VALUE.search(value)):
            yield name
