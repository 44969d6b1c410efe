"""What of the requests to the API server is written down: who did what to what and was it allowed, never a secret."""

DIRECTORY = "/var/log/kubernetes/audit"
LOG = f"{DIRECTORY}/audit.log"
"""On the control plane's node. The API server makes it readable by its owner (root) alone."""
DAYS, FILES, MEGABYTES = 7, 5, 50
"""How long a full file is kept, how many of them, and when one is full: 300 MB in all at most."""

_CHANGES = ["create", "update", "patch", "delete", "deletecollection"]
_RULES_OF_THE_CLUSTER = (
    "rbac.authorization.k8s.io",
    "networking.k8s.io",
    "cilium.io",
    "policy",
    "admissionregistration.k8s.io",
)
_COMPONENTS = [
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
]


def policy() -> dict[str, object]:
    """The audit policy. The first rule that matches decides.

    Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
    """
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [*_noise(), *_without_bodies(), _with_bodies(), {"level": "Metadata"}],
    }


def _noise() -> list[dict[str, object]]:
    """Probes, and the heartbeats of nodes and controllers: several a second, and always the same."""
    leases = [{"group": "coordination.k8s.io", "resources": ["leases"]}]
    return [
        {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*"]},
        {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"], "resources": leases},
        {"level": "None", "users": _COMPONENTS, "resources": leases},
    ]


def _without_bodies() -> list[dict[str, object]]:
    """What may hold a secret. It stands before every rule that logs bodies, so that none of these can."""
    secret = [
        {"group": "", "resources": ["secrets", "configmaps", "serviceaccounts/token"]},
        {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
    ]
    return [{"level": "Metadata", "resources": secret}]


def _with_bodies() -> dict[str, object]:
    """Changes of the rules themselves, with what was asked for: who gave whom which right."""
    return {
        "level": "Request",
        "verbs": _CHANGES,
        "resources": [{"group": group} for group in _RULES_OF_THE_CLUSTER],
    }
