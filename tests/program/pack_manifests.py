"""What the policy pack alone refuses: the API server would take it, look away, or see it too late."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from policies.pack.known import known
from policies.pack.releases import CHART
from policies.pack.resources import Resource
from policies.pack.rules import RULES
from tests.cluster.bad_manifests import good
from tests.cluster.bad_manifests.bad import Bad, Object, Stage, container, pod, pod_security, security

ENCRYPTED = frozenset({"data", "stringData"})
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIB\n"


def resource(manifest: Object, secret_outputs: frozenset[str] = ENCRYPTED) -> Resource:
    """The manifest as the engine shows it to the pack."""
    return Resource(token(manifest), known(manifest), secret_outputs)


def token(manifest: Object) -> str:
    """The manifest's type as Pulumi names it."""
    version = manifest["apiVersion"] if "/" in manifest["apiVersion"] else f"core/{manifest['apiVersion']}"
    return f"kubernetes:{version}:{manifest['kind']}"


def release(image: str) -> Object:
    """A release of the chart that every service is released with."""
    values: Object = {"image": image, "version": "1.0.0"}
    return _release(CHART, values)


def network(image: str) -> Object:
    """A release of somebody else's chart, whose images are the stack's own."""
    return _release(Path("/charts/cilium"), {"operator": {"image": {"override": image}}})


def _release(chart: Path, values: Object) -> Object:
    return {
        "apiVersion": "helm.sh/v3",
        "kind": "Release",
        "metadata": {},
        "name": good.NAME,
        "chart": str(chart),
        "values": values,
    }


def deployment_in_kube_system(image: str) -> Object:
    """A Deployment where admission does not look, so that a fault of its own never keeps the cluster down."""
    made = good.deployment(image)
    made["metadata"]["namespace"] = "kube-system"
    return made


def _refused(
    name: str, rule: str, culprit: str, make: Callable[[str], Object], breaks: Callable[[Object], object]
) -> Bad:
    known_rule = next(one for one in RULES if one.name == rule)
    words = (f"{rule}: {culprit}", f"Rule: {known_rule.says}. Remedy: {known_rule.remedy}")
    return Bad(name, Stage.POLICY_PACK, words, make, breaks)


def _values(**changes: Any) -> Callable[[Object], object]:
    return lambda manifest: manifest["values"].update(changes)


def _by_tag(manifest: Object) -> None:
    manifest["values"]["image"] = manifest["values"]["image"].partition("@")[0] + ":1.0.0"


def _image_elsewhere(manifest: Object) -> None:
    image = manifest["values"]["operator"]["image"]
    image["override"] = f"quay.io/cilium/operator@{image['override'].partition('@')[2]}"


def _data(**data: str) -> Callable[[Object], object]:
    return lambda manifest: manifest["data"].update(data)


def _variable(name: str, value: str) -> Callable[[Object], object]:
    return container(env=[{"name": name, "value": value}])


RELEASES = (
    _refused("a release by a tag", "image-digest", "", release, _by_tag),
    _refused("a chart's own image", "own-registry", "quay.io/cilium/operator@", network, _image_elsewhere),
    _refused(
        "a release without limit", "memory-limit", good.NAME, release, _values(resources={"limits": {"memory": None}})
    ),
    _refused(
        "a release without request", "requests", good.NAME, release, _values(resources={"requests": {"cpu": None}})
    ),
    _refused(
        "a release with a token",
        "no-token",
        "automountServiceAccountToken",
        release,
        _values(serviceAccount={"token": True}),
    ),
    _refused("a release of nobody", "pod-labels", "app.kubernetes.io/part-of", release, _values(partOf="others")),
    _refused("a release's port of every node", "service-type", "NodePort", release, _values(nodePort=30081)),
    _refused(
        "a release's load balancer", "service-type", "LoadBalancer", release, _values(loadBalancer={"enabled": True})
    ),
    _refused("a release's password", "no-credentials", "DB_PASSWORD", release, _values(env={"DB_PASSWORD": "x"})),
)

OBJECTS = (
    _refused("a private key in a ConfigMap", "no-credentials", "tls.pem", good.config_map, _data(**{"tls.pem": KEY})),
    _refused("a token in a ConfigMap", "no-credentials", "API_TOKEN", good.config_map, _data(API_TOKEN="abc")),
    _refused(
        "a password in an address",
        "no-credentials",
        "DATABASE_URL",
        good.deployment,
        _variable("DATABASE_URL", "postgresql://shop:geheim@postgres.data/shop"),
    ),
    _refused("a password in a variable", "no-credentials", "PASSWORD", good.cron_job, _variable("PASSWORD", "geheim")),
    _refused(
        "a token where admission does not look",
        "no-token",
        "automountServiceAccountToken",
        deployment_in_kube_system,
        pod(automountServiceAccountToken=True),
    ),
)

PODS_THAT_WOULD_BE_REFUSED = (
    _refused("a template's root", "restricted-pod", "toolbox: runAsUser is 0", good.deployment, security(runAsUser=0)),
    _refused(
        "a template's setuid",
        "restricted-pod",
        "toolbox: allowPrivilegeEscalation",
        good.stateful_set,
        security(allowPrivilegeEscalation=True),
    ),
    _refused(
        "a template's capability",
        "restricted-pod",
        "toolbox: capability NET_ADMIN",
        good.cron_job,
        security(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
    ),
    _refused(
        "a template without seccomp",
        "restricted-pod",
        "toolbox: no seccompProfile",
        good.deployment,
        pod_security(seccompProfile=None),
    ),
)
"""Of a Deployment the API server warns; its pods it refuses, and who waits for them is not told."""

POLICY_PACK = (*RELEASES, *OBJECTS, *PODS_THAT_WOULD_BE_REFUSED)
