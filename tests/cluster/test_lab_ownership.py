"""The lab, chapter 6: dependents go with their owner, or are left without one; a finalizer holds what is deleted."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kube import Kube
from tests.cluster.lab import LAB, exhibit, place, wait

OWNER = "owner"
DEPENDENTS = ("dependent-one", "dependent-two")
HOLD = "blueprint/hold"
HELD = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": [HOLD]}}
FREE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "free"}}
"""Deleted after the one that is held: once this one is gone, the other one had its time."""


@pytest.fixture
def family(kube: Kube, namespace: str) -> str:
    """The namespace with a copy of the exhibit: the owner, its two dependents, and one that belongs to nobody."""
    stranger = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stranger"}}
    place(kube, namespace, exhibit(kube, "configmap", OWNER), stranger)
    uid = kube.get("configmap", OWNER, "--namespace", namespace)["metadata"]["uid"]
    for name in DEPENDENTS:
        dependent = exhibit(kube, "configmap", name)
        dependent["metadata"]["ownerReferences"] = [_reference(kube, name) | {"uid": uid}]
        place(kube, namespace, dependent)
    return namespace


def _reference(kube: Kube, dependent: str) -> dict[str, Any]:
    (found,) = kube.get("configmap", dependent, "--namespace", LAB)["metadata"]["ownerReferences"]
    return dict(found)


def _there(kube: Kube, namespace: str) -> set[str]:
    found = {one["metadata"]["name"] for one in kube.items("configmaps", "--namespace", namespace)}
    return found & {OWNER, "stranger", *DEPENDENTS}


@pytest.mark.concept("C16")
def test_the_exhibits_dependents_name_their_owner_by_its_uid(kube: Kube) -> None:
    """In the lab itself, each dependent refers to the uid that the owner has."""
    owner = kube.get("configmap", OWNER, "--namespace", LAB)["metadata"]
    for name in DEPENDENTS:
        reference = _reference(kube, name)
        assert (reference["kind"], reference["name"], reference["uid"]) == ("ConfigMap", OWNER, owner["uid"])


@pytest.mark.concept("C16")
def test_deleting_the_owner_collects_its_dependents(kube: Kube, family: str) -> None:
    """The owner is deleted: both dependents go, what belongs to nobody stays."""
    kube.run("delete", "configmap", OWNER, "--namespace", family)
    wait(kube, family, "the dependents are collected", lambda: _there(kube, family) == {"stranger"}, seconds=60)


@pytest.mark.concept("C16")
def test_an_owner_deleted_as_an_orphan_maker_leaves_its_dependents(kube: Kube, family: str) -> None:
    """With `--cascade=orphan` the dependents stay and have no owner any more."""
    kube.run("delete", "configmap", OWNER, "--namespace", family, "--cascade=orphan")
    wait(kube, family, "the owner is gone", lambda: OWNER not in _there(kube, family), seconds=60)
    assert _there(kube, family) == {"stranger", *DEPENDENTS}
    for name in DEPENDENTS:
        assert "ownerReferences" not in kube.get("configmap", name, "--namespace", family)["metadata"]


@pytest.fixture
def held(kube: Kube, namespace: str) -> Iterator[str]:
    """The namespace with an object that a finalizer holds; whatever the test does, it is let go in the end."""
    place(kube, namespace, HELD, FREE)
    yield namespace
    _release(kube, namespace)


def _release(kube: Kube, namespace: str) -> None:
    patch = '{"metadata": {"finalizers": null}}'
    kube.attempt("patch", "configmap", "held", "--namespace", namespace, "--type=merge", "--patch", patch)


@pytest.mark.concept("C16")
def test_a_finalizer_holds_what_is_deleted_until_it_is_taken_out(kube: Kube, held: str) -> None:
    """Deleted, the object stays with a time of deletion; once the finalizer is out, it is gone."""
    kube.run("delete", "configmap", "held", "--namespace", held, "--wait=false")
    kube.run("delete", "configmap", "free", "--namespace", held)
    found = kube.get("configmap", "held", "--namespace", held)["metadata"]
    assert found["deletionTimestamp"] and found["finalizers"] == [HOLD]
    _release(kube, held)
    gone = ["get", "configmap", "held", "--namespace", held]
    wait(kube, held, "the object is gone", lambda: "NotFound" in kube.attempt(*gone).stderr, seconds=60)


@pytest.mark.concept("C16")
def test_every_exhibit_says_in_an_annotation_what_it_shows(kube: Kube) -> None:
    """The annotations of the lab's workloads name the concepts; nothing can select by them."""
    kinds = "deployments,replicasets,replicationcontrollers,daemonsets,cronjobs,services"
    found = [one for one in kube.items(kinds, "--namespace", LAB, "--selector", "app.kubernetes.io/component=exhibit")]
    roots = [one for one in found if "ownerReferences" not in one["metadata"]]
    assert len(roots) > 15
    assert all(one["metadata"]["annotations"]["blueprint/concept"] for one in roots)
