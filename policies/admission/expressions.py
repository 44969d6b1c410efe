"""The CEL that all rules share: variables that name parts of the object, what holds, and what is said when it does not.

Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from policies.admission.rule import Rule, Subject

PODS = {
    # A pod's spec lies in three places. One type cannot be right for all of them, so it is looked at as `dyn`.
    "pod": "request.kind.kind == 'Pod' ? dyn(object) : request.kind.kind == 'CronJob' ? "
    "dyn(object).spec.jobTemplate.spec.template : dyn(object).spec.template",
    "spec": "variables.pod.spec",
    "labels": "variables.pod.?metadata.?labels.orValue({})",
    "volumes": "variables.spec.?volumes.orValue([])",
    # All but ephemeral containers, which can state no resources.
    "containers": "variables.spec.containers + variables.spec.?initContainers.orValue([])",
    "images": "(variables.containers + variables.spec.?ephemeralContainers.orValue([])).map(one, one.image)"
    " + variables.volumes.filter(one, has(one.image)).map(one, one.image.?reference.orValue(''))",
    "key": "request.namespace + '/' + variables.labels[?'app.kubernetes.io/name'].orValue('')",
}
OTHERS = {"key": "request.?namespace.orValue('') + '/' + object.metadata.?name.orValue('')"}


def variables(rule: Rule) -> dict[str, str]:
    """The variables of a rule, by name, in the order in which they build on each other; all but the registry's."""
    shared = PODS if rule.subject is Subject.PODS else OTHERS
    keys = ", ".join(f"'{one.key}'" for one in rule.allowed)
    allowed = {"allowed": f"variables.key in [{keys}]"} if rule.allowed else {}
    needed = shared if rule.subject is Subject.PODS or rule.allowed else {}
    return {**needed, **allowed, "culprits": rule.culprits}


def validation(rule: Rule) -> str:
    """What must be true."""
    holds = "size(variables.culprits) == 0"
    return f"variables.allowed || {holds}" if rule.allowed else holds


def message(rule: Rule) -> str:
    """What is said when it is not: the rule's name, what breaks it, the rule, the remedy; as a CEL expression."""
    return f"{_quoted(f'{rule.name}: ')} + variables.culprits.join(', ') + {_quoted(f'. Rule: {wording(rule)}')}"


def wording(rule: Rule) -> str:
    """The rule and its remedy in words."""
    return f"{rule.says}. Remedy: {rule.remedy}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
