"""What two programs here have in common that read the whole cluster: an account, what it may read, and its token."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.lib.labels import labels
from monitoring.scraping.model import ACCOUNT

_RBAC = "rbac.authorization.k8s.io"


def metadata(
    name: str, namespace: pulumi.Input[str] | None, own: str | None = None, annotations: Mapping[str, str] | None = None
) -> ObjectMetaArgs:
    """The metadata of an object that belongs to `name`.

    Args:
        name: the program's.
        namespace: None for what lies in none.
        own: the object's own name, where it is another.
        annotations: the object's.
    """
    return ObjectMetaArgs(
        name=own or name,
        namespace=namespace,
        labels=labels(name, "metrics"),
        annotations=dict(annotations) if annotations else None,
    )


def reader(
    name: str, namespace: pulumi.Input[str], rules: Sequence[rbac.PolicyRuleArgs], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """A service account that may do this everywhere, and nothing else."""
    role = rbac.RoleRefArgs(api_group=_RBAC, kind="ClusterRole", name=name)
    subject = rbac.SubjectArgs(kind="ServiceAccount", name=name, namespace=namespace)
    return [
        v1.ServiceAccount(name, metadata=metadata(name, namespace), automount_service_account_token=False, opts=opts),
        rbac.ClusterRole(name, metadata=metadata(name, None), rules=list(rules), opts=opts),
        rbac.ClusterRoleBinding(name, metadata=metadata(name, None), role_ref=role, subjects=[subject], opts=opts),
    ]


def account_volume() -> v1.VolumeArgs:
    """What Kubernetes would mount into every container by itself; here the one container that asks mounts it."""
    token = v1.ServiceAccountTokenProjectionArgs(path="token", expiration_seconds=3600)
    authority = v1.ConfigMapProjectionArgs(
        name="kube-root-ca.crt", items=[v1.KeyToPathArgs(key="ca.crt", path="ca.crt")]
    )
    return v1.VolumeArgs(
        name="account",
        projected=v1.ProjectedVolumeSourceArgs(
            default_mode=0o440,
            sources=[
                v1.VolumeProjectionArgs(service_account_token=token),
                v1.VolumeProjectionArgs(config_map=authority),
            ],
        ),
    )


def account_mount() -> v1.VolumeMountArgs:
    """Where programs look for it."""
    return v1.VolumeMountArgs(name="account", mount_path=ACCOUNT, read_only=True)


def http_probe(path: str, port: str, period: int, failures: int, timeout: int = 3) -> v1.ProbeArgs:
    """Asks a path of a port; `period` and `timeout` are seconds."""
    return v1.ProbeArgs(
        http_get=v1.HTTPGetActionArgs(path=path, port=port),
        period_seconds=period,
        timeout_seconds=timeout,
        failure_threshold=failures,
    )
