"""Property values on the wire. Owns the translation between protobuf Structs and Python with secrets and unknowns.

A decoded value is a JSON value in which `Secret` wraps what must stay encrypted and `UNKNOWN` stands for what a preview
cannot know. Signatures are those of Pulumi's SDK (`sdk/go/common/resource/sig`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import struct_pb2

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a wire signature, not a credential
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Value = Any
Properties = dict[str, Any]


class _Unknown:
    """The one value that a preview cannot know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that the engine must keep encrypted."""

    value: Value


@dataclass(frozen=True)
class Asset:
    """A file or text that a program passes as a value.

    Attributes:
        digest: the content's SHA-256, by which two assets are compared.
        text: the content; empty in what the engine remembers, for it keeps only the digest.
    """

    digest: str
    text: str = field(default="", compare=False)


def decode(struct: struct_pb2.Struct) -> Properties:
    """A message's properties as Python. Nulls are dropped, as the real plugin does (SkipNulls)."""
    return {key: _decode(value) for key, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"}


def _decode(value: struct_pb2.Value) -> Value:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value == UNKNOWN_WIRE else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_signed(decode(value.struct_value))
    return None


def _decode_signed(fields: Properties) -> Value:
    signature = fields.get(SIGNATURE)
    if signature is None:
        return fields
    if signature == SECRET:
        return Secret(fields.get("value"))
    if signature == OUTPUT:
        known = fields.get("value", UNKNOWN)
        return Secret(known) if fields.get("secret") else known
    if signature == ASSET:
        return _asset(fields)
    if signature == RESOURCE:
        return fields.get("id", UNKNOWN)
    raise ValueError(f"a value with signature {signature} (an archive?) has no meaning to Kubernetes")


def _asset(fields: Properties) -> Asset:
    text = str(fields.get("text") or "")
    if path := fields.get("path"):
        text = Path(path).read_text()
    elif fields.get("uri"):
        raise ValueError(f"the asset {fields['uri']} is remote; the stand-in takes files and texts")
    return Asset(str(fields.get("hash") or hashlib.sha256(text.encode()).hexdigest()), text)


def encode(properties: Properties) -> struct_pb2.Struct:
    """Python properties as a message."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        if value is not None:
            _encode(value, struct.fields[key])
    return struct


def _encode(value: Value, into: struct_pb2.Value) -> None:
    if isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif isinstance(value, dict):
        fields = into.struct_value.fields
        into.struct_value.SetInParent()
        for key, item in value.items():
            if item is not None:
                _encode(item, fields[key])
    elif isinstance(value, list):
        into.list_value.SetInParent()
        for item in value:
            _encode(item, into.list_value.values.add())
    elif value is UNKNOWN:
        into.string_value = UNKNOWN_WIRE
    elif isinstance(value, Secret):
        _encode({SIGNATURE: SECRET, "value": value.value}, into)
    elif isinstance(value, Asset):
        _encode({SIGNATURE: ASSET, "hash": value.digest, "text": value.text}, into)
    else:
        into.null_value = struct_pb2.NULL_VALUE


def transform(value: Value, leaf: Callable[[Value], Value]) -> Value:
    """The same tree with every value that is neither a map nor a list replaced by `leaf(value)`."""
    if isinstance(value, dict):
        return {key: transform(item, leaf) for key, item in value.items()}
    if isinstance(value, list):
        return [transform(item, leaf) for item in value]
    return leaf(value)


def plain(value: Value) -> Value:
    """The value without its secret wrappers; unknowns stay."""
    return transform(value, lambda leaf: plain(leaf.value) if isinstance(leaf, Secret) else leaf)


def has_unknown(value: Value) -> bool:
    """Whether a part of the value is unknown."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN or (isinstance(value, Secret) and has_unknown(value.value))


def keep_secrets(value: Value, like: Value) -> Value:
    """The value with a secret wrapper everywhere that `like` has one at the same path."""
    if isinstance(like, Secret):
        return value if isinstance(value, Secret) else Secret(value)
    if isinstance(value, dict) and isinstance(like, dict):
        return {key: keep_secrets(item, like[key]) if key in like else item for key, item in value.items()}
    if isinstance(value, list) and isinstance(like, list):
        rest = value[len(like) :]
        return [keep_secrets(item, other) for item, other in zip(value, like, strict=False)] + rest
    return value


_DASHED = [
    "embedded-resource",
    "int-or-string",
    "list-map-keys",
    "list-type",
    "map-type",
    "preserve-unknown-fields",
    "validations",
]
_TO_DASH = {f"x_kubernetes_{word.replace('-', '_')}": f"x-kubernetes-{word}" for word in _DASHED}
_TO_UNDERSCORE = {dash: underscore for underscore, dash in _TO_DASH.items()}


def _rename(value: Value, names: dict[str, str]) -> Value:
    if isinstance(value, dict):
        return {names.get(key, key): _rename(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    if isinstance(value, Secret):
        return Secret(_rename(value.value, names))
    return value


def to_kubernetes(properties: Properties) -> Properties:
    """Property names as Kubernetes spells them: the SDK writes the `x-kubernetes-*` extensions with underscores."""
    renamed: Properties = _rename(properties, _TO_DASH)
    return renamed


def to_pulumi(object_: Properties) -> Properties:
    """The reverse of `to_kubernetes`."""
    renamed: Properties = _rename(object_, _TO_UNDERSCORE)
    return renamed
