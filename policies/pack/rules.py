"""Every rule of the pack: admission's, and three for what only a program shows, or what admission sees too late."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from policies import admission
from policies.admission import Allowed
from policies.pack import judge_objects, judge_pods, judge_restricted, releases
from policies.pack.known import part, parts
from policies.pack.resources import Pod, Resource, pods

BY_DIGEST = re.compile(r"([^@/]+/)+[^@/:]+@sha256:[0-9a-f]{64}")
ALLOWED_HERE = {
    "no-token": (Allowed("kube-system", "metrics-server", "it asks who may read metrics, and which nodes there are"),),
}
"""Exceptions that admission need not know: it does not look into kube-system."""


@dataclass(frozen=True)
class Terms:
    """What a rule is judged by besides the resource: its exceptions, and the address of the stack's registry."""

    allowed: tuple[Allowed, ...]
    registry: str


Judge = Callable[[Resource, Terms], Iterable[str]]
"""Says what breaks the rule in a resource: nothing where it holds."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: how the engine, the tests and the documents call it; admission calls it the same.
        says: the rule, as a sentence without its full stop.
        remedy: what to do, as a sentence without its full stop.
        judge: finds what breaks it.
        allowed: the exceptions.
    """

    name: str
    says: str
    remedy: str
    judge: Judge
    allowed: tuple[Allowed, ...] = ()

    def culprits(self, resource: Resource, registry: str) -> list[str]:
        """What breaks the rule in the resource, or in what a release makes; empty where it holds."""
        terms = Terms(self.allowed, registry)
        return [str(text) for one in releases.made(resource) for text in self.judge(one, terms)]


def _images(breaks: Callable[[str, str], bool]) -> Judge:
    """Judges the images of pods, and those that a chart is told to run."""

    def judge(resource: Resource, terms: Terms) -> Iterable[str]:
        found = [image for pod in pods(resource) for image in _references(pod)]
        found += releases.images(part(resource.props, "values")) if resource.kind == "Release" else []
        return (image for image in found if breaks(image, terms.registry))

    return judge


def _references(pod: Pod) -> list[str]:
    found = [part(container, "image") for _, container in pod.containers()]
    found += [part(volume, "image", "reference") for volume in parts(pod.spec, "volumes")]
    return [image for image in found if isinstance(image, str)]


def _pods(of_pod: Callable[[Pod], Iterable[str]]) -> Judge:
    """Judges each pod that is not excepted, whatever wraps it."""

    def judge(resource: Resource, terms: Terms) -> Iterable[str]:
        return (text for pod in pods(resource) if not pod.is_one_of(terms.allowed) for text in of_pod(pod))

    return judge


def _objects(of_object: Callable[[Resource], Iterable[str]], *kinds: str) -> Judge:
    """Judges each object of these kinds that is not excepted."""

    def judge(resource: Resource, terms: Terms) -> Iterable[str]:
        judged = resource.kind in kinds and not resource.is_one_of(terms.allowed)
        return of_object(resource) if judged else ()

    return judge


def _either(*judges: Judge) -> Judge:
    """Judges by all of them."""
    return lambda resource, terms: (text for judge in judges for text in judge(resource, terms))


JUDGES: Mapping[str, Judge] = {
    "own-registry": _images(lambda image, registry: not image.startswith(f"{registry}/")),
    "image-digest": _images(lambda image, _: not BY_DIGEST.fullmatch(image)),
    "pod-labels": _pods(judge_pods.labels),
    "memory-limit": _pods(judge_pods.memory_limit),
    "requests": _pods(judge_pods.requests),
    "read-only-root": _pods(judge_pods.read_only_root),
    "no-host-path": _pods(judge_pods.host_path),
    "no-host-namespaces": _pods(judge_pods.host_namespaces),
    "no-token": _pods(judge_pods.token),
    "service-type": _objects(judge_objects.service_type, "Service"),
    "no-external-address": _objects(judge_objects.external_address, "Service"),
    "no-wildcard": _objects(judge_objects.wildcard, "Role", "ClusterRole"),
    "no-broad-binding": _objects(judge_objects.broad_binding, "RoleBinding", "ClusterRoleBinding"),
    "restricted-namespace": _objects(judge_objects.restricted_namespace, "Namespace"),
}
"""How each rule of admission is judged here."""

OWN = (
    Rule(
        "restricted-pod",
        "every pod meets the Pod Security level restricted, which the API server asks of pods alone: a workload whose"
        " pods it will refuse is taken with a warning",
        "use restricted_pod(user) and restricted_container() of infra/lib/security.py",
        _pods(judge_restricted.restricted),
        (Allowed("node-agents", "log-agent", "the logs that it reads belong to user 0; it has no capability"),),
    ),
    Rule(
        "encrypted-secret",
        "what a Secret holds is encrypted in the stack's state",
        "declare it by the class pulumi_kubernetes.core.v1.Secret, which sees to it",
        _objects(judge_objects.legible_secret, "Secret"),
    ),
    Rule(
        "no-credentials",
        "no ConfigMap and no environment variable holds a password, a token or a private key",
        "put it into a Secret and mount that as a file",
        _either(_objects(judge_objects.open_credentials, "ConfigMap"), _pods(judge_pods.open_credentials)),
    ),
)

RULES = (
    *(
        Rule(one.name, one.says, one.remedy, JUDGES[one.name], (*one.allowed, *ALLOWED_HERE.get(one.name, ())))
        for one in admission.RULES
    ),
    *OWN,
)


def violations(resource: Resource, registry: str) -> list[str]:
    """What the user is told about a resource: the rule's name, what breaks it, the rule, the remedy.

    Args:
        resource: as the engine is about to make it.
        registry: the address of the stack's registry.
    """
    found = ((rule, rule.culprits(resource, registry)) for rule in RULES)
    return [
        f"{rule.name}: {', '.join(culprits)}. Rule: {rule.says}. Remedy: {rule.remedy}"
        for rule, culprits in found
        if culprits
    ]
