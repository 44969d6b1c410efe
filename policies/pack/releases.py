"""What a Helm release makes, as far as its values decide it: so the rules judge a release as they judge objects."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from policies.pack.known import UNKNOWN, part
from policies.pack.resources import NAME, Resource

CHART = Path(__file__).resolve().parents[2] / "charts" / "microservice"
IMAGE_KEYS = ("image", "override")
"""Under which a chart takes a whole reference; `override` is Cilium's."""


def made(resource: Resource) -> list[Resource]:
    """The objects of a release of our chart; any other resource is what it is."""
    values = own_values(resource)
    if not values:
        return [resource]
    name = values.get("name") or part(resource.props, "name")
    metadata = {"name": name, "namespace": part(resource.props, "namespace")}
    return [
        _workload(metadata, values),
        *_configuration(metadata, values),
        *_ways_in(metadata, values),
    ]


def own_values(resource: Resource) -> dict[str, Any]:
    """The values of a release of our chart over the chart's defaults; empty for any other resource."""
    chart, values = part(resource.props, "chart"), part(resource.props, "values")
    ours = isinstance(chart, str) and Path(chart).name == CHART.name
    if resource.kind != "Release" or not ours or values is UNKNOWN:
        return {}
    return merged(_defaults(), values if isinstance(values, Mapping) else {})


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values over values as Helm lays them: maps key by key, and `null` takes a key away.

    Source: https://helm.sh/docs/chart_template_guide/values_files/#deleting-a-default-key
    """
    result = {**under}
    for key, value in over.items():
        below = under.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return {key: value for key, value in result.items() if value is not None}


def images(values: Any) -> Iterator[Any]:
    """The references in any chart's values."""
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        if key in IMAGE_KEYS and isinstance(value, str):
            yield value
        yield from images(value)


def _workload(metadata: dict[str, Any], values: dict[str, Any]) -> Resource:
    """The chart's pod. What no value changes is what the chart's own tests have seen."""
    container = {
        "name": metadata["name"],
        "image": values.get("image"),
        "resources": values.get("resources"),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "automountServiceAccountToken": part(values, "serviceAccount", "token"),
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    labels = {NAME: metadata["name"], "app.kubernetes.io/part-of": values.get("partOf")}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return Resource("kubernetes:apps/v1:Deployment", {"metadata": metadata, "spec": {"template": template}})


def _configuration(metadata: dict[str, Any], values: dict[str, Any]) -> list[Resource]:
    kept = [values.get(key) for key in ("env", "files", "watchedFiles")]
    return [Resource("kubernetes:core/v1:ConfigMap", {"metadata": metadata, "data": data}) for data in kept if data]


def _ways_in(metadata: dict[str, Any], values: dict[str, Any]) -> Iterator[Resource]:
    asked = {
        ("nodeport", "NodePort"): values.get("nodePort"),
        ("loadbalancer", "LoadBalancer"): part(values, "loadBalancer", "enabled"),
    }
    for (suffix, kind), given in asked.items():
        if given and given is not UNKNOWN:
            own = {**metadata, "name": f"{metadata['name']}-{suffix}"}
            yield Resource("kubernetes:core/v1:Service", {"metadata": own, "spec": {"type": kind}})


@cache
def _defaults() -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "values.yaml").read_text()))
