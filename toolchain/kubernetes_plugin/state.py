"""What the engine remembers of an object: its live form with secrets marked, and inputs brought up to date with it."""

import copy
from decimal import Decimal, InvalidOperation
from typing import Any

from toolchain.kubernetes_plugin.values import Properties, Secret, keep_secrets, plain, to_pulumi

INPUTS = "__inputs"
INITIAL_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"
IMPORTED = "__imported"
_BOOKKEEPING = (INPUTS, INITIAL_VERSION, FIELD_MANAGER, IMPORTED)
_SERVER_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_SERVER_ANNOTATIONS = ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")
_LIST_KEYS = ("name", "key", "mountPath", "containerPort", "port", "ip", "topologyKey", "type")
_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}

Object = dict[str, Any]


def checkpoint(inputs: Properties, live: Object, manager: str, initial_version: str) -> Properties:
    """The outputs to remember: the live object, secret where the inputs are, and all data of a Secret."""
    outputs: Properties = keep_secrets(to_pulumi(live), inputs)
    if live.get("apiVersion") == "v1" and live.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in outputs and not isinstance(outputs[key], Secret):
                outputs[key] = Secret(plain(outputs[key]))
    return outputs | {INPUTS: inputs, INITIAL_VERSION: initial_version, FIELD_MANAGER: manager}


def without_bookkeeping(state: Properties) -> Object:
    """The live object in a remembered state."""
    return {key: value for key, value in plain(state).items() if key not in _BOOKKEEPING}


def normalise(object_: Object) -> Object:
    """A copy as it can be sent: without what only the server may write."""
    cleaned = copy.copy(object_)
    if isinstance(cleaned.get("metadata"), dict):
        cleaned["metadata"] = {k: v for k, v in cleaned["metadata"].items() if k not in _SERVER_METADATA}
    return cleaned


def importable(live: Object) -> Object:
    """Inputs for an object that was not made by the program: all of it that a user could have written."""
    inputs = normalise({key: value for key, value in live.items() if key != "status"})
    annotations = inputs["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if key not in _SERVER_ANNOTATIONS}
    inputs["metadata"].pop("annotations", None)
    if kept:
        inputs["metadata"]["annotations"] = kept
    return inputs


def refreshed(inputs: Any, live: Any) -> Any:
    """The inputs with every value that has drifted replaced by the live one.

    A field that the inputs do not name is not theirs, and is left out. A quantity that the server spells another way
    is no drift. Items of a list with a merge key are matched by it, as server-side apply does.
    """
    if isinstance(inputs, Secret):
        return Secret(refreshed(inputs.value, live))
    if isinstance(inputs, dict) and isinstance(live, dict):
        present = {key: value for key, value in inputs.items() if key in live or _empty(value)}
        return {key: refreshed(value, live.get(key, value)) for key, value in present.items()}
    if isinstance(inputs, list) and isinstance(live, list):
        return _refreshed_list(inputs, live)
    return inputs if same_leaf(inputs, live) else live


def _empty(value: Any) -> bool:
    """Whether the server may drop the value because it says nothing."""
    return value in ({}, [], "", None, False, 0)


def _refreshed_list(inputs: list[Any], live: list[Any]) -> list[Any]:
    if key := _merge_key(inputs, live):
        by_key = {item[key]: item for item in live}
        return [refreshed(item, by_key[item[key]]) for item in inputs if item[key] in by_key]
    pairs = [refreshed(one, other) for one, other in zip(inputs, live, strict=False)]
    return pairs + live[len(inputs) :]


def _merge_key(inputs: list[Any], live: list[Any]) -> str:
    items = [*inputs, *live]
    if not inputs or not all(isinstance(item, dict) for item in items):
        return ""
    for key in _LIST_KEYS:
        values = [item.get(key) for item in inputs]
        hashable = all(isinstance(item.get(key), str | int) for item in items)
        if hashable and len(set(values)) == len(values):
            return key
    return ""


def same_leaf(one: Any, other: Any) -> bool:
    """Whether two leaves mean the same: equal, or the same Kubernetes quantity spelled differently."""
    if one == other:
        return type(one) is type(other) or not isinstance(one, bool | str)
    first, second = quantity(one), quantity(other)
    return first is not None and first == second and isinstance(other, str)


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number, None where the value is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    scale = Decimal(1)
    if text[-2:] in _BINARY:
        text, scale = text[:-2], Decimal(1024) ** _BINARY[text[-2:]]
    elif text[-1:] in _SUFFIXES:
        text, scale = text[:-1], Decimal(10) ** _SUFFIXES[text[-1:]]
    try:
        number = Decimal(text) * scale
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
