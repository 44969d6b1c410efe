"""Chapter 10: what a process may be and do. The pod says it for all its containers, a container for itself."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core import v1

from infra.lab.exhibit import Room, container, deployment, idle, metadata, pod
from infra.lib.security import restricted_container

NAME = "security-contexts"
OWN_PROFILE = "own-seccomp-profile"
POD_USER, POD_GROUP, FILES_GROUP, MORE_GROUP = 10001, 10002, 10003, 10004
OWN_USER, OWN_GROUP = 10011, 10012
CAPABILITY = "NET_BIND_SERVICE"
LEVEL = "s0:c10,c20"
PROFILE = "blueprint/no-chmod.json"
"""Below the kubelet's folder for profiles on each node; its source is images/recipes/node-base/seccomp."""


def show(room: Room, own_nodes: bool, opts: pulumi.ResourceOptions) -> None:
    """One pod whose containers differ in one thing each; and one with a profile, where the nodes have it."""
    shown = metadata(room, NAME, "I8")
    Deployment(NAME, metadata=shown, spec=deployment(NAME, containers_that_differ(room.toolbox)), opts=opts)
    if own_nodes:
        shown = metadata(room, OWN_PROFILE, "I8")
        Deployment(OWN_PROFILE, metadata=shown, spec=deployment(OWN_PROFILE, own_profile(room.toolbox)), opts=opts)


def containers_that_differ(image: pulumi.Input[str]) -> v1.PodSpecArgs:
    """What the pod says holds for each container that does not say otherwise.

    `runAsUser` and `runAsGroup` are who the process is; the image's own user no longer counts. `fsGroup` owns the
    pod's volumes: what is written there belongs to that group, whoever writes it, so containers of different users can
    share files. `supplementalGroups` are groups that the process is in besides, such as those of a shared disk.
    """
    made = pod([as_the_pod(image), as_itself(image), capable(image), labelled(image)])
    made.security_context = v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=POD_USER,
        run_as_group=POD_GROUP,
        fs_group=FILES_GROUP,
        supplemental_groups=[MORE_GROUP],
        seccomp_profile=v1.SeccompProfileArgs(type="RuntimeDefault"),
    )
    return made


def as_the_pod(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """Says nothing about who it is."""
    return container(image, "as-the-pod", idle())


def as_itself(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """Another user than the pod's; what belongs to the pod (its groups and its volumes' group) stays."""
    made = container(image, "as-itself", idle())
    made.security_context = restricted_container()
    made.security_context.run_as_user = OWN_USER
    made.security_context.run_as_group = OWN_GROUP
    return made


def capable(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The one capability that `restricted` lets a container add: to listen on ports below 1024.

    Root's powers are some forty capabilities. `add` puts one into the container's bounding set: the most that a
    process there can ever have. A process that is not root has none of them at first; it gets one from the file that it
    runs, and that only where `allowPrivilegeEscalation` is true, which `restricted` forbids. So here it stays a bound.
    """
    made = container(image, "capable", idle())
    made.security_context = restricted_container()
    made.security_context.capabilities = v1.CapabilitiesArgs(drop=["ALL"], add=[CAPABILITY])
    return made


def labelled(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """An SELinux level of its own: where SELinux enforces, it reaches no file of another pair of categories.

    Where it does not, the API server keeps the option, and nothing of it gets to the process.
    """
    made = container(image, "labelled", idle())
    made.security_context = restricted_container()
    made.security_context.se_linux_options = v1.SELinuxOptionsArgs(level=LEVEL)
    return made


def own_profile(image: pulumi.Input[str]) -> v1.PodSpecArgs:
    """A seccomp profile that was written for it: which system calls the kernel takes from its processes.

    `RuntimeDefault`, which every other pod has, refuses what no ordinary program needs. A `Localhost` profile is a file
    on the node. This one refuses besides that anybody changes the mode of a file; the process sees an error as any
    other, "Operation not permitted". AppArmor's profiles are named in the same way, where the kernel has AppArmor.
    """
    made = pod([container(image, "profiled", idle())])
    made.security_context = v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=POD_USER,
        run_as_group=POD_GROUP,
        seccomp_profile=v1.SeccompProfileArgs(type="Localhost", localhost_profile=PROFILE),
    )
    return made
