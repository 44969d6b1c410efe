"""What the tests share: where the chart is, and ways into what it renders."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CHART = Path(__file__).parent.parent
VALUES = Path(__file__).parent / "values"
SERVICES = ("catalog", "gateway", "notifications", "payments", "smallest", "web")
"""Those that go on: each a Deployment."""
SCHEDULED = "report"
EVERY = (*SERVICES, SCHEDULED)

Object = dict[str, Any]
Render = Callable[..., list[Object]]


class RenderError(Exception):
    """Helm refused to render; the message is what it said."""


def pick(objects: list[Object], kind: str, name: str) -> Object:
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def pod_templates(objects: list[Object]) -> list[Object]:
    jobs = [item["spec"]["jobTemplate"] for item in objects if item["kind"] == "CronJob"]
    return [item["spec"]["template"] for item in [*objects, *jobs] if item.get("kind", "Job") in {"Deployment", "Job"}]


def pod_spec(objects: list[Object], kind: str, name: str) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = pick(objects, kind, name)["spec"]["template"]["spec"]
    return spec
