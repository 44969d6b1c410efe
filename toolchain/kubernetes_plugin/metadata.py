"""Names and annotations. Owns auto-naming and the vocabulary of `pulumi.com/*` annotations."""

import hashlib
import os
from typing import Any

from toolchain.kubernetes_plugin.values import UNKNOWN, Secret

AUTONAMED = "pulumi.com/autonamed"
DELETION_PROPAGATION = "pulumi.com/deletionPropagationPolicy"
PATCH_FIELD_MANAGER = "pulumi.com/patchFieldManager"
PATCH_FORCE = "pulumi.com/patchForce"
REPLACE_UNREADY = "pulumi.com/replaceUnready"
SKIP_AWAIT = "pulumi.com/skipAwait"
TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds"
WAIT_FOR = "pulumi.com/waitFor"
KNOWN = frozenset(
    {
        AUTONAMED,
        DELETION_PROPAGATION,
        PATCH_FIELD_MANAGER,
        PATCH_FORCE,
        REPLACE_UNREADY,
        SKIP_AWAIT,
        TIMEOUT_SECONDS,
        WAIT_FOR,
    }
)

Object = dict[str, Any]


def urn_type(urn: str) -> str:
    """The resource's own type token: the last part of a URN's type, which names its parents first."""
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1]


def urn_name(urn: str) -> str:
    """The resource's name in the program."""
    return urn.split("::", 3)[3]


def type_of(urn: str) -> tuple[str, str]:
    """The apiVersion and kind that a URN's type token names, such as `kubernetes:apps/v1:Deployment`."""
    _, version, kind = urn_type(urn).split(":", 2)
    return version.removeprefix("core/"), kind


def section(object_: Object) -> Object:
    """The object's metadata, made where it is missing."""
    found = object_.get("metadata")
    if not isinstance(found, dict):
        found = object_["metadata"] = {}
    return found


def annotation(object_: Object, key: str) -> str:
    """One annotation's text, empty where it is missing or not known yet."""
    metadata = object_.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return "" if value is None or value is UNKNOWN or isinstance(value, Secret) else str(value)


def annotated_true(object_: Object, key: str) -> bool:
    """Whether an annotation says `true`."""
    return annotation(object_, key).lower() in ("true", "1", "t")


def name_of(object_: Object) -> str:
    """The object's name, empty where it has none or it is not known yet."""
    value = (object_.get("metadata") or {}).get("name")
    return value if isinstance(value, str) else ""


def namespace_of(object_: Object) -> str:
    """The object's namespace, empty where it has none or it is not known yet."""
    value = (object_.get("metadata") or {}).get("namespace")
    return value if isinstance(value, str) else ""


def identifier(object_: Object) -> str:
    """The resource id that the real plugin uses: `namespace/name`, or `name`."""
    namespace, name = namespace_of(object_), name_of(object_)
    return f"{namespace}/{name}" if namespace else name


def split_identifier(id_: str) -> tuple[str, str]:
    """The namespace (may be empty) and the name of a resource id."""
    namespace, _, name = id_.rpartition("/")
    return namespace, name


def random_hex(seed: bytes, purpose: str, length: int = 8) -> str:
    """Hexadecimal digits from the engine's seed, so that a preview and its update agree; random without a seed."""
    return hashlib.sha256((seed or os.urandom(32)) + purpose.encode()).hexdigest()[:length]


def assign_name(object_: Object, urn: str, seed: bytes, proposed: str = "") -> None:
    """Gives a name, and the mark that it was given, to an object that has neither name nor `generateName`."""
    metadata = section(object_)
    if metadata.get("name") or metadata.get("generateName"):
        return
    metadata["name"] = proposed or f"{urn_name(urn)}-{random_hex(seed, urn)}"
    mark_autonamed(object_)


def adopt_name(object_: Object, old: Object) -> None:
    """Keeps the name that was given earlier, when the program still gives none."""
    metadata = section(object_)
    if not metadata.get("name") and annotated_true(old, AUTONAMED) and name_of(old):
        metadata["name"] = name_of(old)
        mark_autonamed(object_)


def mark_autonamed(object_: Object) -> None:
    """Notes in an annotation that the plugin chose the name."""
    metadata = section(object_)
    annotations = metadata.get("annotations")
    metadata["annotations"] = {**(annotations if isinstance(annotations, dict) else {}), AUTONAMED: "true"}
