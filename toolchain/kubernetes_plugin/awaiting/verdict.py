"""What a look at an object says: ready, not yet, or never."""

from dataclasses import dataclass, field
from typing import Any

from toolchain.kubernetes_plugin.diagnostics import Doctor
from toolchain.kubernetes_plugin.discovery import Cluster

Object = dict[str, Any]


@dataclass
class Look:
    """The outcome of one look.

    Attributes:
        ready: the wait is over, well.
        failed: the wait is over, badly: more time would not help.
        message: what is still missing, or what went wrong.
        selector: the LabelSelector of the pods to explain when the wait fails.
    """

    ready: bool = False
    failed: bool = False
    message: str = ""
    selector: Object | None = field(default=None)


@dataclass
class Surroundings:
    """What a check may ask besides the object itself."""

    cluster: Cluster
    doctor: Doctor


def condition(object_: Object, type_: str) -> Object:
    """A condition of the object's status, empty where it has none of the type."""
    for item in (object_.get("status") or {}).get("conditions") or []:
        if item.get("type") == type_:
            return dict(item)
    return {}


def holds(object_: Object, type_: str) -> bool:
    """Whether a condition is true."""
    return condition(object_, type_).get("status") == "True"


def observed(object_: Object) -> bool:
    """Whether the controller has seen the object's current generation."""
    seen = (object_.get("status") or {}).get("observedGeneration")
    return seen is not None and seen >= object_["metadata"].get("generation", 0)
