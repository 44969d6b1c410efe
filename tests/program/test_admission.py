"""The rules of admission: each says what to do, holds in our namespaces, and is broken by a manifest of the tests."""

import re
from collections import Counter

import pytest

from infra.security.admission import OURS
from policies.admission import RULES, Rule, Subject
from policies.admission.expressions import message, validation, variables
from policies.admission.rule import RESOURCES
from tests.cluster.bad_manifests import BAD, Bad, Stage
from tests.program.recording import Recorded
from toolchain import paths

POLICY = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
BINDING = f"{POLICY}Binding"
DOCUMENT = paths.ROOT / "docs" / "pod-security.md"
PSP_FIELDS = [
    "privileged",
    "defaultAddCapabilities",
    "requiredDropCapabilities",
    "allowedCapabilities",
    "volumes",
    "hostNetwork",
    "hostPorts",
    "hostPID",
    "hostIPC",
    "seLinux",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "fsGroup",
    "readOnlyRootFilesystem",
    "defaultAllowPrivilegeEscalation",
    "allowPrivilegeEscalation",
    "allowedHostPaths",
    "allowedFlexVolumes",
    "allowedCSIDrivers",
    "allowedUnsafeSysctls",
    "forbiddenSysctls",
    "allowedProcMountTypes",
    "runtimeClass",
]
"""Source: PodSecurityPolicySpec in policy/v1beta1 of k8s.io/api v0.24, the last version that had it."""
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def test_there_are_a_dozen_rules_or_more_each_with_a_name_of_its_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names)) >= 12
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


@every_rule
def test_a_rule_says_what_is_right_and_what_to_do(rule: Rule) -> None:
    """The message is one line and short enough for the API server, which else falls back to the plain one."""
    said = message(rule)
    assert rule.name in said and rule.says in said and rule.remedy in said
    assert "\n" not in said and len(said) < 1000
    assert len(rule.says) > 20 and len(rule.remedy) > 20
    assert not rule.says.endswith(".") and not rule.remedy.endswith(".")


@every_rule
def test_an_exception_has_a_reason_and_is_known_to_the_expression(rule: Rule) -> None:
    for one in rule.allowed:
        assert len(one.reason) > 20
        assert one.key in variables(rule)["allowed"]
    assert ("variables.allowed" in validation(rule)) is bool(rule.allowed)


@every_rule
def test_a_variable_uses_only_those_before_it(rule: Rule) -> None:
    known = {"registry"}
    for name, expression in variables(rule).items():
        assert set(re.findall(r"variables\.(\w+)", expression)) <= known, name
        known.add(name)
    assert set(re.findall(r"variables\.(\w+)", validation(rule) + message(rule))) <= known


@every_rule
def test_every_rule_is_broken_by_a_manifest_that_the_live_tests_offer(rule: Rule) -> None:
    broken = [bad for bad in BAD if bad.says[0].startswith(f"{rule.name}:")]
    assert broken
    assert {bad.stage for bad in broken} == {Stage.ADMISSION_POLICY}


def test_every_subject_is_looked_at_when_made_and_when_changed() -> None:
    """And pods wherever they are described, with containers that are added to a running one."""
    assert set(RESOURCES) == set(Subject) == {rule.subject for rule in RULES}
    pods = {name for names in RESOURCES[Subject.PODS].values() for name in names}
    assert {"pods", "pods/ephemeralcontainers", "deployments", "cronjobs", "replicationcontrollers"} <= pods


def test_there_are_forty_bad_manifests_or_more_at_every_stage() -> None:
    stages = Counter(bad.stage for bad in BAD)
    assert sum(stages.values()) >= 40
    assert min(stages[stage] for stage in (Stage.SCHEMA, Stage.POD_SECURITY, Stage.ADMISSION_POLICY)) >= 12
    names = [bad.name for bad in BAD]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name.replace(" ", "-"))
def test_a_bad_manifest_differs_from_its_good_one(bad: Bad) -> None:
    image = "registry:5000/toolbox@sha256:0"
    assert bad.manifest(image) != bad.good(image)


def test_the_program_binds_every_rule_to_our_namespaces_with_the_stacks_registry(stack: Recorded) -> None:
    component = stack.one("blueprint:security:Admission").urn
    policies = {one.name: one for one in stack.of_type(POLICY) if one.parent == component}
    bindings = {one.name: one for one in stack.of_type(BINDING) if one.parent == component}
    assert set(policies) == set(bindings) == {rule.name for rule in RULES}
    for name, binding in bindings.items():
        spec = binding.inputs["spec"]
        assert spec["policyName"] == policies[name].inputs["metadata"]["name"] == f"blueprint-{name}"
        assert spec["validationActions"] == ["Deny"]
        assert spec["matchResources"] == {"namespaceSelector": {"matchLabels": OURS}}
        assert policies[name].urn in stack.before(binding)
        assert policies[name].inputs["spec"]["failurePolicy"] == "Fail", "an expression that fails refuses"
        assert "paramKind" not in policies[name].inputs["spec"], "it would depend on an object that may be gone"
    (address,) = [
        one["expression"].strip("'")
        for policy in policies.values()
        for one in policy.inputs["spec"]["variables"]
        if one["name"] == "registry"
    ]
    assert str(stack.outputs["images"]["toolbox"]).startswith(f"{address}/")


def test_the_table_of_what_replaced_pod_security_policies_is_complete() -> None:
    """Each field has a line; each manifest that a line names is one of the tests'; each rule is named somewhere."""
    text = DOCUMENT.read_text()
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    assert sorted(cells[0].strip("`") for cells in lines) == sorted(PSP_FIELDS)
    named = {cells[2] for cells in lines} - {"none"}
    assert named <= {bad.name for bad in BAD}
    assert {rule.name for rule in RULES} <= set(re.findall(r"`([a-z-]+)`", text))
