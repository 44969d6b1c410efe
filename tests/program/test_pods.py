"""The pods that the program describes itself: whose images they run, and what they may do on a node."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from pulumi.runtime import rpc

from infra.lab.security_contexts import NAME, OWN_PROFILE
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod
from infra.observability import log_agent, node_exporter
from tests.program.recording import Recorded

NODE_AGENTS = (node_exporter.NAME, log_agent.NAME)
REGISTRIES = {"kind": "shop-town-registry:5000", "existing": "registry.test:5000/shop"}
REFERENCE = re.compile(r"(?P<registry>.+)/(?P<name>[a-z-]+)@sha256:[0-9a-f]{64}")


def image_references(recorded: Recorded) -> list[str]:
    """Every text that some object names an image with: pods, charts' values, and a pod inside a ConfigMap."""
    found: list[str] = []
    for one in recorded.kubernetes():
        _collect(one.inputs, found)
        for file, text in one.inputs.get("data", {}).items():
            if file.endswith(".yaml"):
                _collect(yaml.safe_load(text), found)
    return found


def _collect(value: Any, found: list[str]) -> None:
    if isinstance(value, list):
        for inner in value:
            _collect(inner, found)
    elif isinstance(value, dict):
        found += [value[key] for key in ("image", "override") if isinstance(value.get(key), str)]
        for inner in value.values():
            _collect(inner, found)


@pytest.mark.parametrize("target", ["kind", "existing"])
def test_every_image_is_named_by_digest_in_the_stack_s_registry(target: str, request: pytest.FixtureRequest) -> None:
    recorded: Recorded = request.getfixturevalue(f"{target}_stack")
    references = image_references(recorded)
    assert len(references) >= 3
    for reference in references:
        parts = REFERENCE.fullmatch(reference)
        assert parts, reference
        assert parts["registry"] == REGISTRIES[target], reference


def test_every_image_that_is_made_is_used(stack: Recorded) -> None:
    """An image that nobody names would be built and pushed for nothing."""
    used = {reference.rpartition("@")[0].rpartition("/")[2] for reference in image_references(stack)}
    made = {one.name for one in stack.resources if "input_hash" in one.inputs}
    assert used == made


def test_every_pod_is_restricted(stack: Recorded) -> None:
    """What the `restricted` level asks for, and more: a numeric user, and a root file system that is not written.

    The lab's security contexts differ from the others on purpose, and are looked at in test_lab.py. An agent of a node
    reads folders of it, and one of them as user 0; in all else they are as the others.
    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    usual = {name: pod for name, pod in stack.pod_specs().items() if name not in (NAME, OWN_PROFILE)}
    assert usual
    for name, pod in usual.items():
        context = pod["securityContext"]
        if name != log_agent.NAME:
            assert context["runAsNonRoot"] is True, name
            assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), name
        assert (name in NODE_AGENTS) == any("hostPath" in volume for volume in pod.get("volumes", [])), name
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_every_pod_has_requests_and_a_memory_limit(stack: Recorded) -> None:
    for name, pod in stack.pod_specs().items():
        for container in pod["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


def selects(selector: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    """Whether a selector, of a Service or of a workload, selects pods of these labels."""
    if not {"matchLabels", "matchExpressions"} & selector.keys():
        return selector.items() <= found.items()
    holds: dict[str, Callable[[str, list[str]], bool]] = {
        "In": lambda key, values: found.get(key) in values,
        "NotIn": lambda key, values: found.get(key) not in values,
        "Exists": lambda key, _: key in found,
        "DoesNotExist": lambda key, _: key not in found,
    }
    asked = selector.get("matchExpressions", [])
    return selector.get("matchLabels", {}).items() <= found.items() and all(
        holds[one["operator"]](one["key"], one.get("values", [])) for one in asked
    )


def test_every_selector_selects_its_own_pods(stack: Recorded) -> None:
    """Of a Job Kubernetes selects the pods by labels of its own, and an ExternalName has none."""
    workloads = [one for one in stack.kubernetes() if "template" in one.inputs.get("spec", {})]
    pods = {one.name: one.inputs["spec"]["template"]["metadata"]["labels"] for one in workloads}
    for workload in workloads:
        if "selector" in workload.inputs["spec"]:
            assert selects(workload.inputs["spec"]["selector"], pods[workload.name]), workload.name
    for service in stack.of_type("kubernetes:core/v1:Service"):
        if "selector" in service.inputs["spec"]:
            assert [name for name in pods if selects(service.inputs["spec"]["selector"], pods[name])], service.name


def test_services_that_nothing_waits_for_are_not_waited_for(stack: Recorded) -> None:
    """The plugin waits ten seconds for each Service; the workload behind it is what tells that it is ready."""
    for service in stack.of_type("kubernetes:core/v1:Service"):
        assert service.inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true", service.name


def test_labels_are_the_recommended_ones_and_only_the_name_selects() -> None:
    """A selector cannot be changed later, so it holds nothing that may change."""
    found = labels("catalog", "service", "1.2.3")
    assert found == {
        "app.kubernetes.io/name": "catalog",
        "app.kubernetes.io/part-of": "blueprint",
        "app.kubernetes.io/component": "service",
        "app.kubernetes.io/managed-by": "pulumi",
        "app.kubernetes.io/version": "1.2.3",
    }
    assert selector("catalog") == {"app.kubernetes.io/name": "catalog"}
    assert "app.kubernetes.io/version" not in labels("catalog", "service")


def test_the_restricted_contexts_are_made_anew_for_each_pod() -> None:
    """They are mutable, so two pods must not share one."""
    assert restricted_container() is not restricted_container()
    assert (restricted_pod(70).run_as_user, restricted_pod(71).fs_group) == (70, 71)


def test_a_preview_before_there_is_a_cluster_plans_what_is_then_made(preview: Recorded, kind_stack: Recorded) -> None:
    """Neither the kubeconfig nor an image's digest is known then, and nothing fails for it."""
    (server,) = preview.pod_specs()["postgres"]["containers"]
    assert server["image"] == preview.one("pulumi:providers:kubernetes").inputs["kubeconfig"] == rpc.UNKNOWN
    planned = {(one.type, one.name) for one in preview.resources}
    assert planned == {(one.type, one.name) for one in kind_stack.resources}
