"""Which fields can only change by a replacement. The tables are the real plugin's (`provider/pkg/provider/diff.go`)."""

from typing import Any

_LABELS = ("metadata.name", "metadata.namespace")
_POD = (
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostname",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "volumes",
    "containers",
    "initContainers",
)
_FORCE_NEW: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "StatefulSet"): (
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("", "PersistentVolumeClaim"): ("spec",),
    ("", "Pod"): tuple(f"spec.{name}" for name in _POD),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Service"): ("spec.clusterIP",),
    ("batch", "Job"): ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): (
        "parameters",
        "provisioner",
        "reclaimPolicy",
        "volumeBindingMode",
    ),
}
_CONFIG_MAP = ("data", "binaryData")
_SECRET = ("type", "data", "stringData")


def force_new(object_: dict[str, Any], config_map_mutable: bool, secret_mutable: bool) -> tuple[str, ...]:
    """The dotted paths of the object's type whose change means a replacement.

    A ConfigMap's or Secret's data is replaced, as the real plugin does, unless the provider says that they are mutable
    and the object does not say `immutable`.
    """
    version, kind = str(object_.get("apiVersion", "")), str(object_.get("kind", ""))
    group = version.partition("/")[0] if "/" in version else ""
    immutable = object_.get("immutable") is True
    if (group, kind) == ("", "ConfigMap"):
        return _LABELS + (_CONFIG_MAP if immutable or not config_map_mutable else ())
    if (group, kind) == ("", "Secret"):
        return _LABELS + (_SECRET if immutable or not secret_mutable else ("type",))
    return _LABELS + _FORCE_NEW.get((group, kind), ())
