"""Policy as code before deployment: the pack refuses what would reach the cluster, before anything of it does."""

from pathlib import Path
from typing import Any

import pytest

from tests.cluster.bad_manifests import good
from tests.cluster.bad_manifests.bad import Object, container_of, volume
from tests.cluster.kube import Kube
from tests.engine import Declared, Project, project
from toolchain import policy_pack


@pytest.fixture
def stack(kube: Kube, tmp_path: Path) -> Project:
    """A small stack of the test's own on the cluster."""
    return project(tmp_path, Path(kube.kubeconfig).read_text())


@pytest.mark.concept("I10")
def test_a_bad_stack_is_refused_before_it_is_deployed(
    kube: Kube, namespace: str, stack: Project, outputs: dict[str, Any]
) -> None:
    """Preview and `up` refuse a Deployment of a foreign image with a node's folder; mended, it is deployed."""
    image = str(outputs["images"]["toolbox"])
    bad = _deployment(namespace, image)
    container_of(bad)["image"] = "docker.io/library/busybox:latest"
    volume(hostPath={"path": "/etc"})(bad)
    stack.declare([_declared(bad)])
    for operation in (("preview",), ("up", "--yes", "--skip-preview")):
        refused = stack.operate(*operation, *policy_pack.OPTIONS)
        assert refused.returncode != 0, refused.stdout
        words = " ".join(refused.stdout.split())
        assert "own-registry: docker.io/library/busybox:latest. Rule: images come from" in words
        assert "Remedy: add the image to images/catalog.toml" in words
        assert "no-host-path: more is /etc. Rule: no pod mounts a folder of its node" in words
        assert kube.items("deployments", "--namespace", namespace) == []

    stack.declare([_declared(_deployment(namespace, image))])
    deployed = stack.operate("up", "--yes", "--skip-preview", *policy_pack.OPTIONS)
    assert deployed.returncode == 0, deployed.stdout
    (found,) = kube.items("deployments", "--namespace", namespace)
    assert found["status"]["readyReplicas"] == 1


def _deployment(namespace: str, image: str) -> Object:
    made = good.deployment(image)
    made["metadata"]["namespace"] = namespace
    return made


def _declared(manifest: Object) -> Declared:
    return Declared("one", "kubernetes:apps/v1:Deployment", manifest)
