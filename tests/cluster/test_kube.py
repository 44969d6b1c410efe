"""The tests' own eyes: what they read over HTTP is what `kubectl get` shows."""

import json

import pytest

from tests.cluster.kube import Kube

ASKED = (
    ("configmap", "kube-root-ca.crt", "--namespace", "shop"),
    ("cm/kube-root-ca.crt", "--namespace", "shop"),
    ("serviceaccounts,roles.rbac.authorization.k8s.io", "--namespace", "lab", "--show-managed-fields"),
    ("secrets", "--field-selector", "type=kubernetes.io/tls", "--all-namespaces"),
    ("netpol", "-n", "shop", "--selector", "app.kubernetes.io/part-of=blueprint"),
    ("storageclasses",),
)


@pytest.mark.parametrize("arguments", ASKED, ids=" ".join)
def test_objects_are_read_as_kubectl_reads_them(kube: Kube, arguments: tuple[str, ...]) -> None:
    shown = json.loads(kube.run("get", *arguments, "--output", "json"))
    if shown["kind"] == "List":
        del shown["metadata"]  # an empty resource version
        assert shown["items"]
    assert kube.get(*arguments) == shown


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("configmap", "no-such", "--namespace", "shop"), '404 configmaps "no-such" not found'),
        (("nothings",), "no resource 'nothings'"),
        (("configmaps", "--watch"), "unrecognized arguments: --watch"),
    ],
)
def test_what_cannot_be_read_is_said(kube: Kube, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        kube.get(*arguments)
