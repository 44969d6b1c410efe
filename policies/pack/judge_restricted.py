"""What the Pod Security level `restricted` refuses of a pod. What is unknown breaks nothing.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from collections.abc import Iterable, Mapping
from typing import Any

from policies.pack.known import UNKNOWN, part, parts
from policies.pack.resources import Pod

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected"),
    *("secret", "hostPath"),  # that one is a rule of its own
}
SELINUX_TYPES = ("container_t", "container_init_t", "container_kvm_t", "container_engine_t")
SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}


def restricted(pod: Pod) -> Iterable[str]:
    """The controls of the level that the pod or a container of it does not meet."""
    shared = part(pod.spec, "securityContext")
    yield from _volumes(pod)
    names = [part(one, "name") for one in parts(shared, "sysctls")]
    yield from (f"sysctl {name}" for name in names if name not in (*SYSCTLS, UNKNOWN))
    yield from _profiles(shared)
    for name, container in pod.containers():
        own = part(container, "securityContext")
        yield from (f"{name}: {text}" for text in (*_privileges(own), *_identity(own, shared), *_profiles(own)))


def _volumes(pod: Pod) -> Iterable[str]:
    for volume in parts(pod.spec, "volumes"):
        kinds = volume.keys() - {"name"} if isinstance(volume, Mapping) else ()
        yield from (f"volume {part(volume, 'name')} is {kind}" for kind in sorted(kinds) if kind not in VOLUMES)


def _privileges(own: Any) -> Iterable[str]:
    if part(own, "privileged") is True:
        yield "privileged"
    if part(own, "allowPrivilegeEscalation") in (None, True):
        yield "allowPrivilegeEscalation is not false"
    drop = part(own, "capabilities", "drop")
    if drop is not UNKNOWN and not {"ALL", UNKNOWN} & {*(drop or ())}:
        yield "capabilities.drop has no ALL"
    added = parts(own, "capabilities", "add")
    yield from (f"capability {one}" for one in added if one not in ("NET_BIND_SERVICE", UNKNOWN))


def _identity(own: Any, shared: Any) -> Iterable[str]:
    if not _either(own, shared, "runAsNonRoot"):
        yield "runAsNonRoot is not true"
    if _either(own, shared, "runAsUser") == 0:
        yield "runAsUser is 0"
    if _either(own, shared, "seccompProfile", "type") in (None, "Unconfined"):
        yield "no seccompProfile"


def _either(own: Any, shared: Any, *path: str) -> Any:
    """A container's own setting wins over its pod's."""
    found = part(own, *path)
    return part(shared, *path) if found is None else found


def _profiles(context: Any) -> Iterable[str]:
    """What a pod and a container may each set, and neither may loosen."""
    if part(context, "appArmorProfile", "type") == "Unconfined":
        yield "appArmorProfile is Unconfined"
    for name in ("type", "user", "role"):
        found = part(context, "seLinuxOptions", name)
        if found not in (None, "", UNKNOWN) and not (name == "type" and found in SELINUX_TYPES):
            yield f"seLinuxOptions.{name} is {found}"
