"""Admission: what the API server itself refuses in our namespaces, whoever asks. The rules are in policies/admission.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

import pulumi
from pulumi_kubernetes.admissionregistration import v1 as admission
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.lib.labels import PART_OF, labels
from policies.admission import RULES, Rule
from policies.admission.expressions import message, validation, variables, wording
from policies.admission.rule import REGISTRY, RESOURCES

OURS = {"app.kubernetes.io/part-of": PART_OF}
"""The label of the namespaces that the rules hold in."""


class Admission(pulumi.ComponentResource):
    """A policy and its binding for each rule.

    A policy says what is right; its binding says where it holds, and what happens: what breaks the rule is refused.
    """

    def __init__(self, name: str, registry: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:security:Admission", name, {}, opts)
        for rule in RULES:
            policy = admission.ValidatingAdmissionPolicy(
                rule.name,
                metadata=_metadata(rule),
                spec=policy_spec(rule, registry),
                opts=pulumi.ResourceOptions(parent=self),
            )
            admission.ValidatingAdmissionPolicyBinding(
                rule.name,
                metadata=_metadata(rule),
                spec=binding_spec(rule),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        self.register_outputs({})


def object_name(rule: Rule) -> str:
    """The name of its policy and binding, which lie in no namespace, so it says whose they are."""
    return f"{PART_OF}-{rule.name}"


def _metadata(rule: Rule) -> ObjectMetaArgs:
    return ObjectMetaArgs(
        name=object_name(rule),
        labels=labels(rule.name, "admission-policy"),
        annotations={"blueprint/rule": wording(rule)},
    )


def policy_spec(rule: Rule, registry: pulumi.Input[str]) -> admission.ValidatingAdmissionPolicySpecArgs:
    """What the rule demands of what is made or changed. When the expression itself fails, the request is refused.

    The registry's address is written into the policy, not given to it as a parameter (`paramKind`): when the last
    binding with parameters goes, the API server stops watching them for good, and from then on refuses every pod until
    it is restarted. Seen with 1.35.8; source: https://github.com/kubernetes/kubernetes/issues/130887
    """
    return admission.ValidatingAdmissionPolicySpecArgs(
        failure_policy="Fail",
        match_constraints=admission.MatchResourcesArgs(resource_rules=_resource_rules(rule)),
        variables=_variables(rule, registry),
        validations=[
            admission.ValidationArgs(
                expression=validation(rule),
                message=f"{rule.name}: {wording(rule)}",
                message_expression=message(rule),
                reason="Forbidden",
            )
        ],
    )


def _variables(rule: Rule, registry: pulumi.Input[str]) -> list[admission.VariableArgs]:
    address = admission.VariableArgs(name=REGISTRY, expression=pulumi.Output.concat("'", registry, "'"))
    others = [admission.VariableArgs(name=name, expression=found) for name, found in variables(rule).items()]
    return [address, *others] if rule.needs_registry else others


def _resource_rules(rule: Rule) -> list[admission.NamedRuleWithOperationsArgs]:
    return [
        admission.NamedRuleWithOperationsArgs(
            api_groups=[group], api_versions=["v1"], operations=["CREATE", "UPDATE"], resources=list(resources)
        )
        for group, resources in RESOURCES[rule.subject].items()
    ]


def binding_spec(rule: Rule) -> admission.ValidatingAdmissionPolicyBindingSpecArgs:
    """Where the rule holds: in our namespaces."""
    return admission.ValidatingAdmissionPolicyBindingSpecArgs(
        policy_name=object_name(rule),
        validation_actions=["Deny"],
        match_resources=admission.MatchResourcesArgs(namespace_selector=LabelSelectorArgs(match_labels=OURS)),
    )
