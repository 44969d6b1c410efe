"""What the Pod Security level `restricted` refuses, one control of the standard each.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Callable

from tests.cluster.bad_manifests import good
from tests.cluster.bad_manifests.bad import Bad, Object, Stage, container, pod, pod_security, security, volume


def _refused(name: str, breaks: Callable[[Object], object], *says: str) -> Bad:
    return Bad(name, Stage.POD_SECURITY, ('violates PodSecurity "restricted', *says), good.pod, breaks)


def _privileged(manifest: Object) -> None:
    """A privileged container may always gain more, so the two go together."""
    security(privileged=True, allowPrivilegeEscalation=True)(manifest)


POD_SECURITY = (
    _refused("a privileged container", _privileged, "must not set securityContext.privileged=true"),
    _refused("more rights by setuid", security(allowPrivilegeEscalation=True), "allowPrivilegeEscalation=false"),
    _refused("capabilities kept", security(capabilities={}), 'capabilities.drop=["ALL"]'),
    _refused(
        "a capability added",
        security(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        'must not include "NET_ADMIN" in securityContext.capabilities.add',
    ),
    _refused("root allowed", pod_security(runAsNonRoot=False), "runAsNonRoot"),
    _refused("root asked for", pod_security(runAsUser=0), "must not set runAsUser=0"),
    _refused("root in one container", security(runAsUser=0), "must not set runAsUser=0"),
    _refused("no seccomp profile", pod_security(seccompProfile=None), "seccompProfile.type"),
    _refused("seccomp switched off", pod_security(seccompProfile={"type": "Unconfined"}), "seccompProfile.type"),
    _refused(
        "AppArmor switched off", pod_security(appArmorProfile={"type": "Unconfined"}), "forbidden AppArmor profile"
    ),
    _refused("an SELinux type of its own", pod_security(seLinuxOptions={"type": "spc_t"}), "seLinuxOptions", "spc_t"),
    _refused(
        "an SELinux user", pod_security(seLinuxOptions={"user": "system_u"}), "seLinuxOptions", "user may not be set"
    ),
    _refused(
        "an unsafe sysctl",
        pod_security(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
        "forbidden sysctls",
        "kernel.msgmax",
    ),
    _refused("the node's folder", volume(hostPath={"path": "/etc"}), "hostPath"),
    _refused(
        "a network volume in the pod itself", volume(nfs={"server": "a", "path": "/"}), 'restricted volume type "nfs"'
    ),
    _refused("the node's network", pod(hostNetwork=True), "hostNetwork=true"),
    _refused("the node's processes", pod(hostPID=True), "hostPID=true"),
    _refused("the node's IPC", pod(hostIPC=True), "hostIPC=true"),
    _refused("a port of the node", container(ports=[{"containerPort": 8080, "hostPort": 8080}]), "hostPort 8080"),
)
