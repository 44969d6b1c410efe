"""What the API server refuses, by whom on its way it is refused, and that it says what to do about it."""

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from policies.admission import RULES
from policies.admission.exceptions import TOKENS, UNRESTRICTED_NAMESPACES, WAYS_IN
from tests.cluster.bad_manifests import BAD, Bad, Stage, good
from tests.cluster.bad_manifests.bad import Object, container, pod, security
from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import idle_command, start, toolbox_pod

PART_OF = "app.kubernetes.io/part-of=blueprint"
LEVEL = "pod-security.kubernetes.io/enforce"
SIGNS = {Stage.POD_SECURITY: "violates PodSecurity", Stage.ADMISSION_POLICY: "ValidatingAdmissionPolicy"}
LOOKED_AT = (
    "pods,replicationcontrollers,deployments.apps,replicasets.apps,statefulsets.apps,daemonsets.apps,jobs.batch,"
    "cronjobs.batch,services,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io"
)


@pytest.fixture(scope="module")
def governed(kube: Kube) -> Iterator[str]:
    """A namespace of the test's own in which the rules hold."""
    with _governed(kube) as name:
        yield name


@contextmanager
def _governed(kube: Kube) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {LEVEL: "restricted", "app.kubernetes.io/part-of": "blueprint", "blueprint/test": "admission"}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    account = ("get", "serviceaccount", "default", "--namespace", name)
    eventually(f"{name} has its service account", lambda: kube.attempt(*account).returncode == 0, seconds=30)
    yield name
    kube.run("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def image(outputs: dict[str, Any]) -> str:
    """The toolbox image."""
    return str(outputs["images"]["toolbox"])


def _offered(kube: Kube, namespace: str, manifest: Object, *user: str) -> subprocess.CompletedProcess[str]:
    """What the API server answers; it does everything but keep what is offered."""
    how = ("--dry-run=server", "--validate=strict", "--namespace", namespace, "--filename", "-")
    return kube.attempt("create", *how, *user, stdin=json.dumps(manifest))


@pytest.mark.concept("D2", "I9")
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.stage}: {bad.name}".replace(" ", "-"))
def test_a_bad_manifest_is_refused_at_its_stage(kube: Kube, governed: str, image: str, bad: Bad) -> None:
    """Each manifest that breaks one rule is refused by the stage meant for it, which names the rule and the remedy."""
    refused = _offered(kube, governed, bad.manifest(image))
    assert refused.returncode != 0, "it was accepted"
    for words in bad.says:
        assert words in refused.stderr
    for stage, sign in SIGNS.items():
        assert (sign in refused.stderr) is (stage is bad.stage), refused.stderr


@pytest.mark.concept("D2", "I9")
@pytest.mark.parametrize("make", dict.fromkeys(bad.good for bad in BAD), ids=lambda make: make.__name__)
def test_a_mended_manifest_is_accepted(kube: Kube, governed: str, image: str, make: Callable[[str], Object]) -> None:
    """The manifests that the bad ones are made of, each without its change, are accepted, and nothing is warned of."""
    accepted = _offered(kube, governed, make(image))
    assert accepted.returncode == 0, accepted.stderr
    assert "Warning" not in accepted.stderr


def _field(manifest: Object) -> None:
    container(imagePullPolice="Always")(manifest)


def _name(manifest: Object) -> None:
    manifest["metadata"]["name"] = "Not_A_Name"


FAULTS: tuple[tuple[Callable[[Object], object], str], ...] = (
    (_field, "strict decoding error: unknown field"),
    (_name, "metadata.name: Invalid value"),
    (security(allowPrivilegeEscalation=True), "violates PodSecurity"),
    (pod(automountServiceAccountToken=True), "no-token: automountServiceAccountToken"),
    (lambda manifest: None, "exceeded quota: none"),
)
"""What is wrong with one pod, in the order in which the API server gets to it, and what it says."""


@pytest.mark.concept("D2")
def test_the_stages_of_the_api_server_refuse_one_after_the_other(kube: Kube, image: str, tmp_path: Path) -> None:
    """A request in which all is wrong is refused by authentication; mended step by step, by each later stage in turn.

    After authentication: authorization, decoding, validation, Pod Security, the admission policy, the quota.
    """
    with _governed(kube) as namespace:
        _allow_no_pods(kube, namespace)
        manifests = [good.pod(image) for _ in FAULTS]
        for number, manifest in enumerate(manifests):
            for breaks, _ in FAULTS[number:]:
                breaks(manifest)
        stranger = Kube(_kubeconfig(kube, tmp_path, token="nobody's"))
        assert "asked for the client to provide credentials" in _offered(stranger, namespace, manifests[0]).stderr
        forbidden = _offered(kube, namespace, manifests[0], "--as=nobody").stderr
        assert 'User "nobody" cannot create resource "pods"' in forbidden
        for manifest, (_, words) in zip(manifests, FAULTS, strict=True):
            refused = _offered(kube, namespace, manifest)
            errors = [line for line in refused.stderr.splitlines() if not line.startswith("Warning")]
            assert any(words in line for line in errors), (words, refused.stderr)
        kube.run("delete", "resourcequota", "none", "--namespace", namespace)
        eventually(
            "nothing is left to refuse",
            lambda: _offered(kube, namespace, manifests[-1]).returncode == 0,
            seconds=30,
        )


def _allow_no_pods(kube: Kube, namespace: str) -> None:
    quota = {"metadata": {"name": "none", "namespace": namespace}, "spec": {"hard": {"pods": "0"}}}
    kube.apply({"apiVersion": "v1", "kind": "ResourceQuota", **quota})

    def counted() -> bool:
        return "hard" in kube.get("resourcequota", "none", "--namespace", namespace).get("status", {})

    eventually("the quota is in force", counted, seconds=30)


def _kubeconfig(kube: Kube, folder: Path, *, token: str) -> str:
    """The way to the same cluster for somebody with this token."""
    found = json.loads(kube.run("config", "view", "--raw", "--minify", "--output", "json"))
    found["users"] = [{"name": user["name"], "user": {"token": token}} for user in found["users"]]
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(found))
    return str(file)


@pytest.mark.concept("I9")
def test_a_pod_security_policy_is_no_longer_known(kube: Kube) -> None:
    """The API server has neither the kind nor its API version since Kubernetes 1.25; nothing reads such a manifest."""
    rules = {"rule": "RunAsAny"}
    spec = {"privileged": False} | dict.fromkeys(("seLinux", "runAsUser", "supplementalGroups", "fsGroup"), rules)
    policy = {"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": "old"}, "spec": spec}
    refused = kube.attempt("create", "--filename", "-", stdin=json.dumps(policy))
    assert 'no matches for kind "PodSecurityPolicy" in version "policy/v1beta1"' in refused.stderr
    served = json.loads(kube.run("get", "--raw", "/apis/policy"))
    assert [version["groupVersion"] for version in served["versions"]] == ["policy/v1"]
    assert "podsecuritypolicies" not in kube.run("api-resources", "--output", "name")


@pytest.mark.concept("I9")
def test_every_rule_is_in_force(kube: Kube) -> None:
    """Each rule has a policy without a fault of type, and a binding that denies."""
    chosen = ("--selector", "app.kubernetes.io/component=admission-policy")
    policies = kube.items("validatingadmissionpolicies", *chosen)
    names = {one["metadata"]["name"]: one["metadata"]["labels"]["app.kubernetes.io/name"] for one in policies}
    assert sorted(names.values()) == sorted(rule.name for rule in RULES)
    for one in policies:
        assert one["status"]["observedGeneration"] == one["metadata"]["generation"]
        assert one["status"]["typeChecking"] == {}, one["metadata"]["name"]
    bindings = kube.items("validatingadmissionpolicybindings", *chosen)
    assert {one["spec"]["policyName"] for one in bindings} == set(names)
    assert {tuple(one["spec"]["validationActions"]) for one in bindings} == {("Deny",)}


@pytest.mark.concept("I9")
def test_everything_that_runs_meets_the_rules(kube: Kube) -> None:
    """A change of each object that is there now, one that changes nothing that counts, is admitted."""
    for space in _ours(kube):
        name = space["metadata"]["name"]
        change = ("annotate", LOOKED_AT, "--all", "--namespace", name, "blueprint/asked=yes", "--dry-run=server")
        refused = [line for line in kube.attempt(*change).stderr.splitlines() if "NotFound" not in line]
        assert not refused, "\n".join(refused)


@pytest.mark.concept("I9")
def test_every_namespace_of_ours_is_restricted_or_says_why_not(kube: Kube) -> None:
    """The level that each namespace enforces, but for those with a reason in policies/admission/exceptions.py."""
    lower = {
        space["metadata"]["name"] for space in _ours(kube) if space["metadata"]["labels"].get(LEVEL) != "restricted"
    }
    assert lower <= {one.namespace for one in UNRESTRICTED_NAMESPACES}


def _ours(kube: Kube) -> list[Object]:
    """The namespaces of the suite, without those that tests make and remove meanwhile."""
    spaces = kube.items("namespaces", "--selector", f"{PART_OF},!blueprint/test")
    assert spaces
    return spaces


@pytest.mark.concept("I9")
def test_every_exception_is_used(kube: Kube) -> None:
    """What may do more than others is there; an exception for something that is gone would wait for a stranger."""
    for one in TOKENS:
        chosen = f"app.kubernetes.io/name={one.name}"
        assert kube.items("pods", "--namespace", one.namespace, "--selector", chosen), one
    for one in WAYS_IN:
        assert kube.get("service", one.name, "--namespace", one.namespace)["spec"]["type"] != "ClusterIP", one
    for one in UNRESTRICTED_NAMESPACES:
        assert kube.get("namespace", one.name)["metadata"]["labels"][LEVEL] != "restricted", one


@pytest.mark.concept("I9", "D2")
def test_a_container_added_to_a_running_pod_is_looked_at_too(kube: Kube, governed: str, image: str) -> None:
    """`kubectl debug` with an image of another registry is refused; with one of the stack's own it is let in."""
    start(kube, governed, toolbox_pod("debugged", image, idle_command()))
    debug = ("debug", "debugged", "--namespace", governed, "--profile=restricted", "--attach=false")
    foreign = f"elsewhere.test/toolbox@{image.partition('@')[2]}"
    refused = kube.attempt(*debug, f"--image={foreign}", "--", "true")
    assert refused.returncode != 0
    assert f"own-registry: {foreign}" in refused.stderr
    kube.run(*debug, f"--image={image}", "--", "true")
