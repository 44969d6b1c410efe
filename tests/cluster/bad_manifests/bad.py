"""What a bad manifest is."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Object = dict[str, Any]


class Stage(StrEnum):
    """Who refuses it, in the order in which a manifest passes them (the policy pack's own are in policies/pack)."""

    POLICY_PACK = "policy pack"
    SCHEMA = "schema"
    POD_SECURITY = "Pod Security"
    ADMISSION_POLICY = "admission policy"


@dataclass(frozen=True)
class Bad:
    """One bad manifest.

    Attributes:
        name: what is wrong with it.
        stage: who must refuse it.
        says: what the refusal must say, each of them: the rule or the field, and what is wrong or the remedy.
        good: makes the manifest as it should be; the argument is an image of the stack's registry by digest.
        breaks: changes it in place.
    """

    name: str
    stage: Stage
    says: tuple[str, ...]
    good: Callable[[str], Object]
    breaks: Callable[[Object], object]

    def manifest(self, image: str) -> Object:
        """The bad manifest."""
        made = copy.deepcopy(self.good(image))
        self.breaks(made)
        return made


def spec_of(manifest: Object) -> Object:
    """The pod's spec in a Pod or in what makes pods."""
    spec: Object = manifest["spec"]
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    found: Object = spec.get("template", {}).get("spec", spec)
    return found


def container_of(manifest: Object) -> Object:
    """The pod's first container."""
    found: Object = spec_of(manifest)["containers"][0]
    return found


def container(**fields: Any) -> Callable[[Object], object]:
    """A change of fields of the first container; None takes one away."""
    return lambda manifest: _set(container_of(manifest), fields)


def security(**fields: Any) -> Callable[[Object], object]:
    """A change of the first container's security context."""
    return lambda manifest: _set(container_of(manifest)["securityContext"], fields)


def pod(**fields: Any) -> Callable[[Object], object]:
    """A change of fields of the pod's spec."""
    return lambda manifest: _set(spec_of(manifest), fields)


def pod_security(**fields: Any) -> Callable[[Object], object]:
    """A change of the pod's security context."""
    return lambda manifest: _set(spec_of(manifest)["securityContext"], fields)


def spec(**fields: Any) -> Callable[[Object], object]:
    """A change of fields of the object's own spec."""
    return lambda manifest: _set(manifest["spec"], fields)


def volume(**source: Any) -> Callable[[Object], object]:
    """One more volume of the pod."""
    return lambda manifest: spec_of(manifest)["volumes"].append({"name": "more", **source})


def _set(target: Object, fields: Object) -> None:
    for key, value in fields.items():
        if value is None:
            del target[key]
        else:
            target[key] = value
