"""What the rules of policies/admission refuse: for each rule at least one manifest."""

from collections.abc import Callable

from policies.admission import RULES
from policies.admission.expressions import wording
from tests.cluster.bad_manifests import good
from tests.cluster.bad_manifests.bad import (
    Bad,
    Object,
    Stage,
    container,
    container_of,
    pod,
    security,
    spec,
    spec_of,
    volume,
)

_WORDING = {rule.name: wording(rule) for rule in RULES}
TOKEN = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


def _refused(
    name: str, rule: str, culprit: str, make: Callable[[str], Object], breaks: Callable[[Object], object]
) -> Bad:
    return Bad(name, Stage.ADMISSION_POLICY, (f"{rule}: {culprit}", _WORDING[rule]), make, breaks)


def _elsewhere(manifest: Object) -> None:
    digest = container_of(manifest)["image"].partition("@")[2]
    container_of(manifest)["image"] = f"docker.io/library/busybox@{digest}"


def _by(tag: str) -> Callable[[Object], object]:
    """Names the image by a tag in place of its digest."""

    def change(manifest: Object) -> None:
        container_of(manifest)["image"] = container_of(manifest)["image"].partition("@")[0] + tag

    return change


def _tag_beside(manifest: Object) -> None:
    container_of(manifest)["image"] = container_of(manifest)["image"].replace("@", ":latest@")


def _init_container_elsewhere(manifest: Object) -> None:
    image = container_of(manifest)["image"].partition("/")[2]
    first = container_of(manifest) | {"name": "first", "image": f"elsewhere.test/{image}"}
    spec_of(manifest)["initContainers"] = [first]


def _template(manifest: Object) -> Object:
    found: Object = manifest["spec"]["template"]["metadata"]
    return found


def _without(kind: str, resource: str) -> Callable[[Object], object]:
    return lambda manifest: container_of(manifest)["resources"][kind].pop(resource)


def _rule(**fields: list[str]) -> Callable[[Object], object]:
    return lambda manifest: manifest["rules"][0].update(fields)


def _subject(name: str) -> Callable[[Object], object]:
    return lambda manifest: manifest["subjects"][0].update(kind="Group", name=name)


def _level(manifest: Object) -> None:
    manifest["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "baseline"


ADMISSION = (
    _refused("an image of another registry", "own-registry", "docker.io/library/busybox", good.deployment, _elsewhere),
    _refused(
        "an init container's image", "own-registry", "elsewhere.test/", good.deployment, _init_container_elsewhere
    ),
    _refused("an image by latest", "image-digest", "", good.deployment, _by(":latest")),
    _refused("an image by a version", "image-digest", "", good.stateful_set, _by(":1.36")),
    _refused("an image by nothing", "image-digest", "", good.pod, _by("")),
    _refused("a tag beside the digest", "image-digest", "", good.cron_job, _tag_beside),
    _refused(
        "a pod without its part-of",
        "pod-labels",
        "app.kubernetes.io/part-of",
        good.deployment,
        lambda manifest: _template(manifest)["labels"].pop("app.kubernetes.io/part-of"),
    ),
    _refused(
        "a pod without a name of its own",
        "pod-labels",
        "app.kubernetes.io/name",
        good.pod,
        lambda manifest: manifest["metadata"]["labels"].pop("app.kubernetes.io/name"),
    ),
    _refused("no memory limit", "memory-limit", "toolbox", good.deployment, _without("limits", "memory")),
    _refused("no request of CPU", "requests", "toolbox", good.deployment, _without("requests", "cpu")),
    _refused("no request of memory", "requests", "toolbox", good.cron_job, _without("requests", "memory")),
    _refused(
        "a root that can be written", "read-only-root", "toolbox", good.pod, security(readOnlyRootFilesystem=False)
    ),
    _refused(
        "a root that nobody speaks of",
        "read-only-root",
        "toolbox",
        good.deployment,
        security(readOnlyRootFilesystem=None),
    ),
    _refused(
        "the node's folder, in a template",
        "no-host-path",
        "more is /etc",
        good.deployment,
        volume(hostPath={"path": "/etc"}),
    ),
    _refused(
        "the node's network, in a template", "no-host-namespaces", "hostNetwork", good.deployment, pod(hostNetwork=True)
    ),
    _refused("the node's processes, in a template", "no-host-namespaces", "hostPID", good.cron_job, pod(hostPID=True)),
    _refused(
        "a port of the node, in a template",
        "no-host-namespaces",
        "hostPort of toolbox",
        good.stateful_set,
        container(ports=[{"containerPort": 8080, "hostPort": 8080}]),
    ),
    _refused(
        "a token that nobody needs",
        "no-token",
        "automountServiceAccountToken",
        good.deployment,
        pod(automountServiceAccountToken=True),
    ),
    _refused(
        "a token by default",
        "no-token",
        "automountServiceAccountToken",
        good.pod,
        pod(automountServiceAccountToken=None),
    ),
    _refused("a token by a volume", "no-token", "volume more", good.deployment, volume(**TOKEN)),
    _refused("a port of every node", "service-type", "NodePort", good.service, spec(type="NodePort")),
    _refused("a load balancer", "service-type", "LoadBalancer", good.service, spec(type="LoadBalancer")),
    _refused("an address of others", "no-external-address", "192.0.2.1", good.service, spec(externalIPs=["192.0.2.1"])),
    _refused(
        "a name outside", "no-external-address", "db.example.com", good.alias, spec(externalName="db.example.com")
    ),
    _refused("every verb", "no-wildcard", "* on pods", good.role, _rule(verbs=["*"])),
    _refused("every resource", "no-wildcard", "get on *", good.cluster_role, _rule(resources=["*"])),
    _refused("every API group", "no-wildcard", "get on pods", good.role, _rule(apiGroups=["*"])),
    _refused(
        "another administrator",
        "no-broad-binding",
        "cluster-admin",
        good.role_binding,
        lambda manifest: manifest["roleRef"].update(name="cluster-admin"),
    ),
    _refused(
        "rights for everybody",
        "no-broad-binding",
        "system:authenticated",
        good.role_binding,
        _subject("system:authenticated"),
    ),
    _refused("a namespace of a lower level", "restricted-namespace", "enforces baseline", good.namespace, _level),
    _refused(
        "a namespace of no level",
        "restricted-namespace",
        "enforces nothing",
        good.namespace,
        lambda manifest: manifest["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"),
    ),
)
