"""Every persona can do its job, and is stopped where the job ends."""

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from policies.personas import AUDITOR, PLATFORM_ADMIN, RELEASE_BOT, SHOP_DEVELOPER, Persona, Way, restarts
from tests.cluster.callers import persona_by
from tests.cluster.kube import Kube, eventually
from tests.cluster.pods import idle_command, start, toolbox_pod
from tests.cluster.rights import allowed
from toolchain import programs
from toolchain.paths import ROOT

PROPAGATION_SECONDS = 15
Object = dict[str, Any]


def copied(kube: Kube, namespace: str, persona: Persona) -> None:
    """The persona's rights of `shop` in the test's namespace as well: the Role as it is there, and its binding."""
    for kind in ("role", "rolebinding"):
        found = kube.get(kind, persona.role, "--namespace", "shop")
        found["metadata"] = {"name": persona.role, "namespace": namespace}
        kube.apply(found)


def deployment(name: str, namespace: str, image: str) -> Object:
    """One idle pod."""
    pod = toolbox_pod(name, image, idle_command())
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": pod["metadata"]["labels"]},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]},
        },
    }


@pytest.mark.concept("I4")
def test_a_developer_restarts_scales_and_reads_logs(
    kube: Kube, namespace: str, outputs: dict[str, Any], tmp_path: Path
) -> None:
    """The developer's job: restart a rollout, scale it, read a log, in a copy of the rights in `shop`."""
    copied(kube, namespace, SHOP_DEVELOPER)
    kube.apply(deployment("app", namespace, outputs["images"]["toolbox"]))
    with persona_by(kube, SHOP_DEVELOPER, Way.CERTIFICATE).kube(tmp_path) as developer:
        here = ("--namespace", namespace)
        developer.run("rollout", "status", "deployment/app", "--timeout=120s", *here, seconds=130)
        first = developer.items("pods", *here)[0]["metadata"]["name"]
        developer.run("rollout", "restart", "deployment/app", *here)
        developer.run("rollout", "status", "deployment/app", "--timeout=120s", *here, seconds=130)
        names = {pod["metadata"]["name"] for pod in developer.items("pods", *here)}
        assert names - {first}, "a restart makes a new pod"
        developer.run("logs", "deployment/app", *here)
        developer.run("scale", "deployment/app", "--replicas=0", *here)
        assert developer.get("deployment", "app", *here)["spec"]["replicas"] == 0


def _with_secret(template: Object) -> None:
    template["spec"]["volumes"].append({"name": "stolen", "secret": {"secretName": "any"}})


def _with_image(template: Object) -> None:
    template["spec"]["containers"][0]["image"] += "0"


def _with_label(template: Object) -> None:
    template["metadata"]["labels"]["app.kubernetes.io/component"] = "migration"


def _with_annotation(template: Object) -> None:
    template["metadata"]["annotations"] = {"policy.cilium.io/proxy-visibility": "<Ingress/80/TCP/HTTP>"}


@pytest.mark.concept("I4")
@pytest.mark.parametrize("change", [_with_secret, _with_image, _with_label, _with_annotation])
@pytest.mark.parametrize("way", [Way.CERTIFICATE, Way.ACCOUNT], ids=lambda way: way.value)
def test_a_developer_s_patch_is_kept_to_a_restart(
    kube: Kube, namespace: str, outputs: dict[str, Any], change: Any, way: Way
) -> None:
    """A developer gives a pod no Secret, image or identity: RBAC knows no fields, an admission policy does."""
    copied(kube, namespace, SHOP_DEVELOPER)
    wanted = {**deployment("app", namespace, outputs["images"]["toolbox"])}
    wanted["spec"]["replicas"] = 0
    kube.apply(wanted)
    developer = persona_by(kube, SHOP_DEVELOPER, way)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/app"

    def patch(template: Object) -> Any:
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        return developer.http.patch(path, headers=headers, json={"spec": {"template": template}})

    restart = {"metadata": {"annotations": {restarts.ANNOTATION: "2026-01-01T00:00:00Z"}}}
    eventually("the copied right is in force", lambda: patch(restart).status_code == 200, seconds=PROPAGATION_SECONDS)
    template = kube.get("deployment", "app", "--namespace", namespace)["spec"]["template"]
    template["metadata"].pop("annotations")
    change(template)
    answer = patch(template)
    assert answer.status_code == 403, answer.text
    assert restarts.NAME in answer.json()["message"]
    assert patch(restart).status_code == 200


@pytest.mark.concept("I4")
def test_the_release_bot_releases(kube: Kube, namespace: str, outputs: dict[str, Any], tmp_path: Path) -> None:
    """The bot's job: install, change and remove a Helm release, in a copy of the rights in `shop`."""
    copied(kube, namespace, RELEASE_BOT)
    chart = str(ROOT / "charts" / "microservice")
    image = outputs["images"]["payments"]
    bot = persona_by(kube, RELEASE_BOT, Way.ACCOUNT)
    eventually(
        "the copied right is in force",
        lambda: allowed(bot, "create", "secrets", namespace),
        seconds=PROPAGATION_SECONDS,
    )
    with bot.kube(tmp_path) as kubectl:
        here = ("--namespace", namespace, "--kubeconfig", kubectl.kubeconfig)
        values = ("--set", f"image={image}", "--set", "version=1.0.0")
        _helm("upgrade", "--install", "app", chart, *values, "--set", "replicas=1", *here)
        assert "app" in _helm("list", "--short", *here)
        _helm("upgrade", "app", chart, *values, "--set", "replicas=1", "--set", "env.LOG_LEVEL=debug", *here)
        kubectl.run("annotate", "deployment", "app", "blueprint/image=changed", "--namespace", namespace)
        assert not allowed(bot, "create", "pods/exec", namespace)
        _helm("uninstall", "app", *here)
        assert not kubectl.items("deployments", "--namespace", namespace)


def _helm(*arguments: str) -> str:
    """What helm prints, by no other cluster or settings than its arguments say."""
    command = [str(programs.ensure("helm")), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, f"helm {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.concept("I4")
def test_an_auditor_sees_everything_but_secrets_and_changes_nothing(kube: Kube, tmp_path: Path) -> None:
    """The auditor's job: read workloads, policies and rights everywhere; no Secret, and nothing is changed."""
    with persona_by(kube, AUDITOR, Way.CERTIFICATE).kube(tmp_path) as auditor:
        assert auditor.items("pods", "--all-namespaces")
        assert auditor.items("networkpolicies", "--all-namespaces") is not None
        assert auditor.get("clusterrolebinding", AUDITOR.role)["subjects"]
        assert auditor.items("validatingadmissionpolicies")
        for refused in (
            ("get", "secrets", "--all-namespaces"),
            ("get", "secret", "issuer", "--namespace", "identity"),
            ("delete", "pod", "none", "--namespace", "shop"),
            ("annotate", "namespace", "shop", "seen=true"),
        ):
            done = auditor.attempt(*refused)
            assert done.returncode != 0, refused
            assert "Forbidden" in done.stderr, done.stderr


@pytest.mark.serial
@pytest.mark.concept("I4")
def test_a_platform_admin_keeps_namespaces_and_nodes(
    kube: Kube, namespace: str, outputs: dict[str, Any], tmp_path: Path
) -> None:
    """The administrator's job: a namespace with a quota, a node cordoned and labelled, a pod evicted; all put back."""
    workers = kube.items("nodes", "--selector", "!node-role.kubernetes.io/control-plane")
    node, label = workers[0]["metadata"]["name"], "blueprint.test/by-platform-admin"
    start(kube, namespace, toolbox_pod("evicted", outputs["images"]["toolbox"], idle_command()))
    own = f"test-{uuid.uuid4().hex[:8]}"
    with persona_by(kube, PLATFORM_ADMIN, Way.CERTIFICATE).kube(tmp_path) as admin:
        try:
            admin.run("create", "namespace", own)
            admin.run("create", "quota", "small", "--hard=pods=1", "--namespace", own)
            admin.run("label", "node", node, f"{label}=true")
            admin.run("cordon", node)
            assert admin.get("node", node)["spec"]["unschedulable"] is True
        finally:
            admin.run("uncordon", node)
            admin.run("label", "node", node, f"{label}-")
            admin.run("delete", "namespace", own, "--wait=false")
        assert not admin.get("node", node)["spec"].get("unschedulable")
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": "evicted", "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/evicted/eviction"
        admin.run("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))
        done = admin.attempt("create", "clusterrolebinding", own, "--clusterrole=cluster-admin", "--user=me")
        assert "Forbidden" in done.stderr or "forbidden" in done.stderr
    eventually("the pod is gone", lambda: not kube.items("pods", "--namespace", namespace), seconds=60)
