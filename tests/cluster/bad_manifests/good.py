"""Manifests that nobody refuses: what the bad ones are made of."""

from tests.cluster.bad_manifests.bad import Object
from tests.cluster.pods import idle_command, toolbox_pod

NAME = "manifest"
LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "blueprint"}
RBAC = "rbac.authorization.k8s.io"


def pod(image: str) -> Object:
    """A Pod."""
    return toolbox_pod(NAME, image, idle_command())


def deployment(image: str) -> Object:
    """A Deployment of it. At this level the admission policies refuse what is wrong; Pod Security only warns."""
    spec = {"selector": {"matchLabels": {"app.kubernetes.io/name": NAME}}, "template": _template(image)}
    return _object("apps/v1", "Deployment", spec=spec)


def stateful_set(image: str) -> Object:
    """A StatefulSet of it."""
    spec = {"serviceName": NAME, **deployment(image)["spec"]}
    return _object("apps/v1", "StatefulSet", spec=spec)


def cron_job(image: str) -> Object:
    """A CronJob of it."""
    template = _template(image)
    template["spec"]["restartPolicy"] = "Never"
    return _object(
        "batch/v1", "CronJob", spec={"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}
    )


def service(_image: str) -> Object:
    """A Service."""
    spec = {"type": "ClusterIP", "selector": dict(LABELS), "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return _object("v1", "Service", spec=spec)


def alias(_image: str) -> Object:
    """A Service that is another name."""
    return _object("v1", "Service", spec={"type": "ExternalName", "externalName": "echo.lab.svc.cluster.local"})


def config_map(_image: str) -> Object:
    """A ConfigMap."""
    return _object("v1", "ConfigMap", data={"KEY": "value"})


def role(_image: str) -> Object:
    """A Role that allows one thing."""
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    return _object(f"{RBAC}/v1", "Role", rules=rules)


def cluster_role(image: str) -> Object:
    """A ClusterRole that allows one thing."""
    return role(image) | {"kind": "ClusterRole"}


def role_binding(_image: str) -> Object:
    """A RoleBinding of one user."""
    return _object(
        f"{RBAC}/v1",
        "RoleBinding",
        roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
        subjects=[{"apiGroup": RBAC, "kind": "User", "name": "reader"}],
    )


def namespace(_image: str) -> Object:
    """A namespace of ours."""
    made = _object("v1", "Namespace")
    made["metadata"]["name"] = "test-manifest"
    made["metadata"]["labels"] |= {"pod-security.kubernetes.io/enforce": "restricted", "blueprint/test": "admission"}
    return made


def autoscaler(_image: str) -> Object:
    """A HorizontalPodAutoscaler."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    return _object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        spec={"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2},
    )


def network_policy(_image: str) -> Object:
    """A NetworkPolicy."""
    rule = {"ports": [{"protocol": "TCP", "port": 8080, "endPort": 8090}]}
    spec = {"podSelector": {"matchLabels": dict(LABELS)}, "policyTypes": ["Ingress"], "ingress": [rule]}
    return _object("networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def claim(_image: str) -> Object:
    """A claim of a volume."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return _object("v1", "PersistentVolumeClaim", spec=spec)


def _template(image: str) -> Object:
    made = pod(image)
    return {"metadata": {"labels": made["metadata"]["labels"]}, "spec": made["spec"]}


def _object(version: str, kind: str, **fields: object) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": NAME, "labels": dict(LABELS)}, **fields}
