"""An image as a resource: what makes it change, and what it hands on."""

from typing import Any

import pulumi
import pytest

from images import builder
from infra import image
from tests.program.recording import KUBECONFIG, Recorded, digest, settled, settled_secret

PROPS = {"name": "gateway", "input_hash": "one", "registry": "127.0.0.1:5001", "cluster": "abc"}


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What was asked of the builder."""
    asked: list[tuple[str, ...]] = []

    def push(name: str, registry: str) -> str:
        asked.append(("push", name, registry))
        return "sha256:new"

    monkeypatch.setattr(builder, "ensure", lambda name: asked.append(("ensure", name)))
    monkeypatch.setattr(builder, "push", push)
    return asked


def test_an_image_is_made_and_then_pushed(builds: list[tuple[str, ...]]) -> None:
    made = image.create(dict(PROPS))
    assert builds == [("ensure", "gateway"), ("push", "gateway", "127.0.0.1:5001")]
    assert (made.id, made.outs) == ("gateway", PROPS | {"digest": "sha256:new"})


def test_an_update_makes_and_pushes_what_is_new(builds: list[tuple[str, ...]]) -> None:
    updated = image.update("gateway", dict(PROPS), PROPS | {"registry": "127.0.0.1:5002"})
    assert builds == [("ensure", "gateway"), ("push", "gateway", "127.0.0.1:5002")]
    assert updated.outs == PROPS | {"registry": "127.0.0.1:5002", "digest": "sha256:new"}


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        ({}, False),
        ({"input_hash": "two"}, True),
        ({"registry": "127.0.0.1:5002"}, True),
        ({"cluster": "def"}, True),
        ({"digest": None}, False),
    ],
)
def test_an_image_changes_in_place_with_its_inputs_its_registry_or_its_cluster(
    change: dict[str, Any], changes: bool
) -> None:
    found = image.diff("gateway", PROPS | {"digest": "sha256:old"}, PROPS | change)
    assert (found.changes, found.replaces or []) == (changes, [])


def test_what_was_pushed_under_a_digest_stays_and_is_not_asked_for(builds: list[tuple[str, ...]]) -> None:
    found = image.read("gateway", dict(PROPS))
    image.delete("gateway", dict(PROPS))
    assert (found.id, found.outs, builds) == ("gateway", PROPS, [])


def test_a_cluster_s_fingerprint_tells_clusters_apart_and_is_no_secret() -> None:
    """It is compared in every diff, so it is not to be hidden; twelve digits of a hash tell nothing of the key."""

    def of(text: str) -> pulumi.Output[str]:
        return image.fingerprint(pulumi.Output.secret(text))

    assert settled(lambda: of(KUBECONFIG)) != settled(lambda: of(KUBECONFIG + " "))
    assert len(settled(lambda: of(KUBECONFIG))) == 12
    assert not settled_secret(lambda: of(KUBECONFIG))


def test_images_are_pushed_where_the_host_reaches_the_registry(kind_stack: Recorded) -> None:
    """The host pushes to its loopback; manifests name the registry as the nodes reach it."""
    gateway = next(one for one in kind_stack.resources if one.name == "gateway" and "input_hash" in one.inputs)
    assert gateway.inputs["registry"] == "127.0.0.1:5001"
    assert gateway.inputs["input_hash"] == "hash-of-gateway"
    assert kind_stack.outputs["images"]["gateway"] == f"shop-town-registry:5000/gateway@{digest('gateway')}"


def test_images_are_pushed_after_the_cluster_and_its_registry_are_there(kind_stack: Recorded) -> None:
    nodes = kind_stack.one("pulumi-python:dynamic:Resource", "shop-town").urn
    images = [one for one in kind_stack.resources if "input_hash" in one.inputs]
    assert images
    assert all(nodes in one.depends_on for one in images)
