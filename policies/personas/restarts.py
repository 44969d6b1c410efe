"""Keeps the developer's `patch` of Deployments to a restart, which RBAC, knowing no fields, cannot say.

Without it a developer could let a pod mount any Secret of the namespace and print it, or give pods another identity.
Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from policies.personas.personas import SHOP_DEVELOPER
from policies.personas.subjects import ACCOUNTS, certificate_group, oidc_group

NAME = "blueprint-restarts-only"
ANNOTATION = "kubectl.kubernetes.io/restartedAt"
_TEMPLATE, _BEFORE = "object.spec.template", "oldObject.spec.template"
MESSAGE = (
    "blueprint-restarts-only: shop-developer may restart and scale a Deployment, and nothing else of its pods may "
    "change; let a release change it"
)


VARIABLES = {
    "now": f"has({_TEMPLATE}.metadata.annotations) ? {_TEMPLATE}.metadata.annotations : {{}}",
    "before": f"has({_BEFORE}.metadata.annotations) ? {_BEFORE}.metadata.annotations : {{}}",
}


def is_developer() -> str:
    """CEL: the request is of the persona, in whichever way it came."""
    name = SHOP_DEVELOPER.name
    groups = [certificate_group(name), oidc_group(name)]
    account = f"system:serviceaccount:{ACCOUNTS}:{name}"
    return f"request.userInfo.username == '{account}' || request.userInfo.groups.exists(group, group in {groups})"


def only_restarted() -> str:
    """CEL: of the pods' template nothing but the annotation of a restart is another."""
    same = [f"{_TEMPLATE}.spec == {_BEFORE}.spec", f"{_TEMPLATE}.metadata.labels == {_BEFORE}.metadata.labels"]
    kept = f"variables.now.all(key, key == '{ANNOTATION}' || variables.before[?key] == variables.now[?key])"
    none_lost = f"variables.before.all(key, key == '{ANNOTATION}' || key in variables.now)"
    return " && ".join([*same, kept, none_lost])
