"""Everything that the chart renders is valid by Kubernetes' own description of its API, which knows every field."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from rendered import EVERY, Render, pick

from tests import tools
from toolchain import manifests


@pytest.fixture(autouse=True, scope="session")
def kubeconform(helm: Path) -> None:
    """Without helm there is nothing to check."""
    tools.kubeconform()


def problems(objects: list[Any]) -> list[str]:
    return manifests.problems(yaml.safe_dump_all(objects))


@pytest.mark.parametrize("service", EVERY)
def test_every_object_is_valid(render: Render, service: str) -> None:
    assert problems(render(service)) == []


def test_everything_at_once_is_valid(render: Render) -> None:
    """What no service of ours asks for together, another may."""
    objects = render(
        "gateway",
        autoscaling={
            "minReplicas": 1,
            "maxReplicas": 2,
            "cpuPercent": 50,
            "requestsPerSecond": 10,
            "scaleDownSeconds": 0,
        },
        args=["-m", "app.main"],
        watchedFiles={"one.yaml": ""},
        claim={"size": "1Gi", "path": "/data"},
        probes={"protocol": "grpc"},
        migration={"enabled": True},
        secrets=[{"name": "one", "path": "/run/one"}],
        serviceAccount={"annotations": {"cloud/role": "one"}, "token": True},
        loadBalancer={"enabled": True, "annotations": {"cloud/kind": "one"}},
        resources={"limits": {"cpu": "1.5", "memory": "1G"}},
        topologySpread={"whenUnsatisfiable": "DoNotSchedule"},
    )
    assert problems(objects) == []


def test_an_unknown_field_would_be_found(render: Render) -> None:
    """Else the tests above would find nothing."""
    objects = render("catalog")
    pick(objects, "ConfigMap", "catalog-env")["date"] = {}
    assert problems(objects) == ["ConfigMap catalog-env: at '': additional properties 'date' not allowed"]
