"""Whom the API server believes and what it allows, as text of files. Owns the names that others rely on too.

The files can be read by everybody. The one that cannot, that of the encryption's keys, is `encryption`'s.
"""

import json

import yaml

from toolchain.control_plane import audit

ISSUER_ADDRESS = "10.96.0.20"
"""The issuer's ClusterIP. It is fixed: the API server must reach it without the cluster's DNS."""
ISSUER_HOST = "issuer.identity.svc"
ISSUER_URL = f"https://{ISSUER_HOST}"
AUDIENCE = "blueprint"
OIDC_PREFIX = "oidc:"
"""Goes before every user and group that the issuer names, so that it can name none of Kubernetes' own."""
ABAC_USER = "abac-reader"
ABAC_NAMESPACE = "lab"
ABAC_RESOURCES = ("pods", "configmaps")
HEALTH_PATHS = ("/livez", "/readyz", "/healthz")
JOIN_PATH = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
"""By what lies here a new node finds the cluster (`kubeadm join`) before anybody can know it."""

AUTHENTICATION, AUTHORIZATION = "authentication.yaml", "authorization.yaml"
ABAC, AUDIT = "abac.jsonl", "audit.yaml"


def files(authority: str) -> dict[str, str]:
    """The files by their names.

    Args:
        authority: certificate (PEM) of whoever signs the issuer's certificate.
    """
    return {
        AUTHENTICATION: _yaml(authentication(authority)),
        AUTHORIZATION: _yaml(authorization()),
        ABAC: "".join(f"{json.dumps(policy)}\n" for policy in abac()),
        AUDIT: _yaml(audit.policy()),
    }


def authentication(authority: str) -> dict[str, object]:
    """Believes the stack's issuer, beside client certificates and service accounts; no name is asked for health alone.

    Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
    """
    issuer = {"url": ISSUER_URL, "audiences": [AUDIENCE], "certificateAuthority": authority}
    mappings = {
        "username": {"claim": "sub", "prefix": OIDC_PREFIX},
        "groups": {"claim": "groups", "prefix": OIDC_PREFIX},
    }
    somebody = {"expression": f"user.username != '{OIDC_PREFIX}'", "message": "the claim `sub` names nobody"}
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{"issuer": issuer, "claimMappings": mappings, "userValidationRules": [somebody]}],
        "anonymous": {"enabled": True, "conditions": [{"path": path} for path in (*HEALTH_PATHS, JOIN_PATH)]},
    }


def authorization() -> dict[str, object]:
    """Who is asked, in this order, until one allows: the nodes' own rules, RBAC, and ABAC for the lab.

    The names are fixed: the API server refuses others for these types.
    """
    authorizers = [{"type": kind, "name": kind.lower()} for kind in ("Node", "RBAC", "ABAC")]
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthorizationConfiguration",
        "authorizers": authorizers,
    }


def abac() -> list[dict[str, object]]:
    """One user may read two kinds of objects of one namespace.

    RBAC replaced this: ABAC's rules lie in a file of the control plane, count from its next start on, and know no
    subresources, so that who may read pods may read their logs too.
    Source: https://kubernetes.io/docs/reference/access-authn-authz/abac/
    """
    return [
        {
            "apiVersion": "abac.authorization.kubernetes.io/v1beta1",
            "kind": "Policy",
            "spec": {"user": ABAC_USER, "namespace": ABAC_NAMESPACE, "resource": resource, "readonly": True},
        }
        for resource in ABAC_RESOURCES
    ]


def _yaml(content: dict[str, object]) -> str:
    return yaml.safe_dump(content, sort_keys=False)
