"""The personas in the cluster: their roles, bindings and service accounts, and what keeps a patch to a restart."""

import pulumi
from pulumi_kubernetes.admissionregistration import v1 as admission
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.lib.labels import labels
from policies.personas import PERSONAS, Persona, Rule, Way, restarts
from policies.personas.subjects import ACCOUNTS, subjects

COMPONENT = "persona"
API_GROUP = "rbac.authorization.k8s.io"


class Personas(pulumi.ComponentResource):
    """Every persona of `policies/personas`, with exactly the rights that stand there."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:security:Personas", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        for persona in PERSONAS:
            _account(persona, child)
            if persona.namespaces:
                _rights_in_namespaces(persona, child)
            else:
                _rights_everywhere(persona, child)
        _restarts_only(child)
        self.register_outputs({})


def _account(persona: Persona, opts: pulumi.ResourceOptions) -> None:
    """Its tokens are asked for one by one (TokenRequest), bound and expiring; no pod gets one by itself."""
    if Way.ACCOUNT in persona.ways:
        v1.ServiceAccount(
            persona.name,
            metadata=_metadata(persona, persona.name, ACCOUNTS),
            automount_service_account_token=False,
            opts=opts,
        )


def _rights_in_namespaces(persona: Persona, opts: pulumi.ResourceOptions) -> None:
    """A Role in each: no binding of it can reach further than its namespace."""
    for space in persona.namespaces:
        metadata = _metadata(persona, persona.role, space)
        name = f"{persona.name}-{space}"
        role = rbac.Role(name, metadata=metadata, rules=policy_rules(persona.rules), opts=opts)
        rbac.RoleBinding(
            name,
            metadata=metadata,
            role_ref=rbac.RoleRefArgs(api_group=API_GROUP, kind="Role", name=persona.role),
            subjects=_subjects(persona),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[role])),
        )


def _rights_everywhere(persona: Persona, opts: pulumi.ResourceOptions) -> None:
    role = _gathered(persona, opts) if persona.aggregated else _whole(persona, opts)
    rbac.ClusterRoleBinding(
        persona.name,
        metadata=_metadata(persona, persona.role),
        role_ref=rbac.RoleRefArgs(api_group=API_GROUP, kind="ClusterRole", name=persona.role),
        subjects=_subjects(persona),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[role])),
    )


def _whole(persona: Persona, opts: pulumi.ResourceOptions) -> rbac.ClusterRole:
    metadata = _metadata(persona, persona.role)
    return rbac.ClusterRole(persona.name, metadata=metadata, rules=policy_rules(persona.rules), opts=opts)


def _gathered(persona: Persona, opts: pulumi.ResourceOptions) -> rbac.ClusterRole:
    """A ClusterRole without rules of its own: a controller fills it from all that carry the label.

    So what brings a new kind of resource also brings the right to see it, and nothing here has to change.
    """
    label = aggregation_label(persona)
    for part, rules in persona.parts.items():
        metadata = _metadata(persona, f"{persona.role}:{part}", extra={label: "true"})
        rbac.ClusterRole(f"{persona.name}-{part}", metadata=metadata, rules=policy_rules(rules), opts=opts)
    return rbac.ClusterRole(
        persona.name,
        metadata=_metadata(persona, persona.role),
        aggregation_rule=rbac.AggregationRuleArgs(
            cluster_role_selectors=[LabelSelectorArgs(match_labels={label: "true"})]
        ),
        opts=opts,
    )


def aggregation_label(persona: Persona) -> str:
    """The label of the ClusterRoles that the persona's is made of."""
    return f"blueprint/aggregate-to-{persona.name}"


def policy_rules(rules: tuple[Rule, ...]) -> list[rbac.PolicyRuleArgs]:
    """The rules as Kubernetes has them."""
    return [
        rbac.PolicyRuleArgs(api_groups=[rule.group], resources=list(rule.resources), verbs=list(rule.verbs))
        for rule in rules
    ]


def _restarts_only(opts: pulumi.ResourceOptions) -> None:
    metadata = ObjectMetaArgs(name=restarts.NAME, labels=labels(restarts.NAME, COMPONENT))
    policy = admission.ValidatingAdmissionPolicy(restarts.NAME, metadata=metadata, spec=restarts_policy(), opts=opts)
    admission.ValidatingAdmissionPolicyBinding(
        restarts.NAME,
        metadata=metadata,
        spec=restarts_binding(),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[policy])),
    )


def restarts_policy() -> admission.ValidatingAdmissionPolicySpecArgs:
    """Of a developer's update of a Deployment nothing passes but a restart."""
    deployments = admission.NamedRuleWithOperationsArgs(
        api_groups=["apps"], api_versions=["v1"], operations=["UPDATE"], resources=["deployments"]
    )
    return admission.ValidatingAdmissionPolicySpecArgs(
        failure_policy="Fail",
        match_constraints=admission.MatchResourcesArgs(resource_rules=[deployments]),
        match_conditions=[admission.MatchConditionArgs(name="is-a-developer", expression=restarts.is_developer())],
        variables=[admission.VariableArgs(name=name, expression=text) for name, text in restarts.VARIABLES.items()],
        validations=[
            admission.ValidationArgs(expression=restarts.only_restarted(), message=restarts.MESSAGE, reason="Forbidden")
        ],
    )


def restarts_binding() -> admission.ValidatingAdmissionPolicyBindingSpecArgs:
    """Everywhere: where the developer may patch nothing, there is nothing to refuse."""
    return admission.ValidatingAdmissionPolicyBindingSpecArgs(policy_name=restarts.NAME, validation_actions=["Deny"])


def _subjects(persona: Persona) -> list[rbac.SubjectArgs]:
    return [rbac.SubjectArgs(**subject) for subject in subjects(persona)]


def _metadata(
    persona: Persona, name: str, namespace: str | None = None, extra: dict[str, str] | None = None
) -> ObjectMetaArgs:
    return ObjectMetaArgs(
        name=name,
        namespace=namespace,
        labels={**labels(persona.name, COMPONENT), **(extra or {})},
        annotations={"blueprint/purpose": persona.purpose},
    )
