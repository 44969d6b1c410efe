"""The policy pack's rules: what each refuses, that it accepts the mended twin, and that the program breaks none."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy import PolicyCustomTimeouts, PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.proxy import unknown_checking_proxy

from infra.settings import Settings, Target
from policies import admission
from policies.pack import serve
from policies.pack.known import SENTINELS, UNKNOWN, known, part
from policies.pack.resources import Resource, pods
from policies.pack.rules import ALLOWED_HERE, JUDGES, RULES, violations
from tests.cluster.bad_manifests import BAD, Bad, Stage, good
from tests.cluster.bad_manifests.bad import Object, container, pod, pod_security, security, volume
from tests.program.pack_manifests import ENCRYPTED, POLICY_PACK, network, release, resource
from tests.program.recording import Recorded, digest

REGISTRY = "shop-town-registry:5000"
IMAGE = f"{REGISTRY}/toolbox@{digest('toolbox')}"
REGISTRIES = {"kind": REGISTRY, "existing": "registry.test:5000/shop"}
POD_RULES = {"restricted-pod", "no-host-path", "no-host-namespaces"}


def told(manifest: Object) -> list[str]:
    return violations(resource(manifest), REGISTRY)


def name(bad: Bad) -> str:
    return bad.name.replace(" ", "-")


@pytest.mark.parametrize("bad", POLICY_PACK, ids=name)
def test_what_only_the_pack_refuses_breaks_one_rule_and_the_message_names_it_and_the_remedy(bad: Bad) -> None:
    (message,) = told(bad.manifest(IMAGE))
    for words in bad.says:
        assert words in message


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.stage is Stage.ADMISSION_POLICY], ids=name)
def test_what_admission_refuses_the_pack_refuses_by_the_same_rule_in_the_same_words(bad: Bad) -> None:
    (message,) = told(bad.manifest(IMAGE))
    for words in bad.says:
        assert words in message


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.stage is Stage.POD_SECURITY], ids=name)
def test_what_pod_security_refuses_the_pack_refuses(bad: Bad) -> None:
    (message,) = told(bad.manifest(IMAGE))
    assert message.partition(":")[0] in POD_RULES


@pytest.mark.parametrize(
    "make", dict.fromkeys(bad.good for bad in (*BAD, *POLICY_PACK)), ids=lambda make: make.__name__
)
def test_the_mended_manifest_breaks_no_rule(make: Callable[[str], Object]) -> None:
    assert told(make(IMAGE)) == []


def test_at_least_ten_of_the_forty_bad_manifests_are_the_pack_s_own() -> None:
    assert len(POLICY_PACK) >= 10
    assert len({bad.name for bad in (*BAD, *POLICY_PACK)}) == len(BAD) + len(POLICY_PACK) >= 40


def test_every_rule_of_admission_is_judged_here_by_its_name_words_and_exceptions() -> None:
    assert {rule.name for rule in admission.RULES} == JUDGES.keys()
    ours = {rule.name: rule for rule in RULES}
    for rule in admission.RULES:
        assert (ours[rule.name].says, ours[rule.name].remedy) == (rule.says, rule.remedy)
        assert set(ours[rule.name].allowed) >= set(rule.allowed)


def test_every_rule_is_seen_to_refuse_something() -> None:
    bad = [told(bad.manifest(IMAGE)) for bad in (*BAD, *POLICY_PACK) if bad.stage is not Stage.SCHEMA]
    seen = {message.partition(":")[0] for messages in bad for message in messages}
    assert seen | {"encrypted-secret"} == {rule.name for rule in RULES}


def test_a_secret_is_encrypted_in_the_state_only_where_its_outputs_are_declared_secret() -> None:
    """The class `v1.Secret` does so; a `CustomResource` of that kind does not by itself."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, "stringData": {"token": "abc"}}
    (message,) = violations(resource(secret, frozenset({"data"})), REGISTRY)
    assert message.startswith("encrypted-secret: stringData. ")
    assert "abc" not in message
    assert violations(resource(secret, ENCRYPTED), REGISTRY) == []


@pytest.mark.parametrize("target", ["kind", "existing"])
def test_the_whole_program_breaks_no_rule(target: str, request: pytest.FixtureRequest) -> None:
    recorded: Recorded = request.getfixturevalue(f"{target}_stack")
    assert told_of(recorded, REGISTRIES[target]) == {}


def test_a_preview_before_there_is_a_cluster_breaks_no_rule(preview: Recorded) -> None:
    """Neither an image's registry nor its digest is known then; what is known of the pods is judged all the same."""
    assert told_of(preview, REGISTRY) == {}
    server = next(one for one in preview.kubernetes() if one.name == "postgres" and "StatefulSet" in one.type)
    inputs = known(server.inputs)
    (server_container,) = inputs["spec"]["template"]["spec"]["containers"]
    assert server_container["image"] is UNKNOWN
    del server_container["resources"]["limits"]["memory"]
    (message,) = violations(Resource(server.type, inputs), REGISTRY)
    assert message.startswith("memory-limit: ")


def told_of(recorded: Recorded, registry: str) -> dict[str, list[str]]:
    """What the pack says about each resource that it says something about."""
    judged = {
        one.urn: violations(Resource(one.type, known(one.inputs), one.secret_outputs), registry)
        for one in recorded.resources
    }
    return {urn: messages for urn, messages in judged.items() if messages}


def test_what_is_excepted_here_alone_needs_it(kind_stack: Recorded) -> None:
    """An exception for something that is gone would wait for a stranger."""
    judged = [Resource(one.type, known(one.inputs), one.secret_outputs) for one in kind_stack.kubernetes()]
    for rule, allowed in ALLOWED_HERE.items():
        strict = replace(next(one for one in RULES if one.name == rule), allowed=())
        for exception in allowed:
            pods_of = [one for one in judged for pod_of in pods(one) if pod_of.is_one_of([exception])]
            assert any(strict.culprits(one, REGISTRY) for one in pods_of), exception


def test_an_exception_holds_for_the_one_that_is_listed_alone() -> None:
    listed = next(rule for rule in RULES if rule.name == "no-token").allowed[0]
    manifest = good.deployment(IMAGE)
    template = manifest["spec"]["template"]
    template["spec"]["automountServiceAccountToken"] = True
    template["metadata"]["labels"]["app.kubernetes.io/name"] = listed.name
    manifest["metadata"]["namespace"] = listed.namespace
    assert told(manifest) == []
    manifest["metadata"]["namespace"] = "shop"
    assert len(told(manifest)) == 1
    manifest["metadata"]["namespace"] = sorted(SENTINELS)[0]
    assert told(manifest) == [], "where it will lie is not known yet, so it may be the one that is listed"


@pytest.mark.parametrize("sentinel", sorted(SENTINELS))
def test_what_a_preview_cannot_know_is_unknown_in_the_sdk_s_proxies_too(sentinel: str) -> None:
    given = {"a": sentinel, "b": [sentinel, {"c": sentinel, "d": 1.0}], "e": "text"}
    expected = {"a": UNKNOWN, "b": [UNKNOWN, {"c": UNKNOWN, "d": 1.0}], "e": "text"}
    assert known(given) == known(unknown_checking_proxy(given)) == expected


def test_a_part_of_what_is_unknown_is_unknown_and_of_what_is_missing_is_missing() -> None:
    assert part({"a": UNKNOWN}, "a", "b", "c") is UNKNOWN
    assert part({"a": {}}, "a", "b", "c") is None
    assert part({"a": "text"}, "a", "b") is None


def elaborate_pod(image: str) -> Object:
    """A pod that states what most leave out, within the rules."""
    made = good.pod(image)
    bound = {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
    security(capabilities=bound, seLinuxOptions={"type": "container_t"}, runAsUser=70)(made)
    container(ports=[{"containerPort": 8080}], env=[{"name": "MODE", "value": "quiet"}])(made)
    sysctls = [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]
    pod_security(sysctls=sysctls, appArmorProfile={"type": "RuntimeDefault"})(made)
    volume(projected={"sources": [{"configMap": {"name": "one"}}]})(made)
    return made


@pytest.mark.parametrize(
    "make",
    [
        *(good.pod, elaborate_pod, good.deployment, good.cron_job, good.config_map, good.service, good.alias),
        *(good.role, good.role_binding, good.namespace, release, network),
    ],
    ids=lambda make: make.__name__,
)
def test_where_all_is_unknown_nothing_is_refused(make: Callable[[str], Object]) -> None:
    """Each part of each manifest in turn is not known yet."""
    manifest = make(IMAGE)
    for path in paths_in(manifest):
        assert told(replaced(manifest, path)) == [], path


def paths_in(value: object) -> list[tuple[object, ...]]:
    """The ways to every part but the type of the object."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(key, *rest) for key, inner in pairs for rest in [(), *paths_in(inner)]]
    return [path for path in found if path[0] not in ("apiVersion", "kind")]


def replaced(value: Any, path: tuple[object, ...]) -> Any:
    """The value with a part of it unknown."""
    if not path:
        return sorted(SENTINELS)[0]
    copy = value.copy()
    copy[path[0]] = replaced(copy[path[0]], path[1:])
    return copy


def test_a_patch_is_left_to_admission_which_sees_the_whole_object() -> None:
    part_of_pod = {"spec": {"template": {"spec": {"containers": [{"name": "one"}]}}}}
    assert violations(Resource("kubernetes:apps/v1:DeploymentPatch", part_of_pod), REGISTRY) == []


def test_what_is_not_in_the_cluster_is_not_judged() -> None:
    assert violations(Resource("aws:ecs:Service", good.pod("nginx:latest")), REGISTRY) == []


def test_the_stack_s_registry_is_its_cluster_s_own_or_the_user_s() -> None:
    assert serve.stacks_registry(Settings(cluster="town")) == "town-registry:5000"
    own = Settings(target=Target.EXISTING, kubeconfig="k", registry="registry.test/shop")
    assert serve.stacks_registry(own) == "registry.test/shop"


def test_the_stack_is_chosen_as_the_toolchain_chooses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert serve.stack() == "local"
    monkeypatch.setenv("BLUEPRINT_STACK", "existing")
    assert serve.stack() == "existing"


def test_the_engine_is_told_of_each_rule_that_is_broken() -> None:
    """The policy as the SDK calls it: with proxies that raise where the preview does not know."""
    manifest = good.deployment(sorted(SENTINELS)[0])
    pod(hostPID=True, automountServiceAccountToken=None)(manifest)
    options = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
    props = unknown_checking_proxy(manifest)
    args = ResourceValidationArgs("kubernetes:apps/v1:Deployment", props, "urn", "one", options, None)
    reported: list[str] = []
    serve.admission(REGISTRY).validate(args, lambda message, _urn: reported.append(message))
    assert [message.partition(": ")[0] for message in reported] == ["no-host-namespaces", "no-token"]
