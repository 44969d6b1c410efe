"""The lab, chapter 10: who a process is and what it may do, read inside its container."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.lab.security_contexts import (
    CAPABILITY,
    FILES_GROUP,
    LEVEL,
    MORE_GROUP,
    NAME,
    OWN_GROUP,
    OWN_PROFILE,
    OWN_USER,
    POD_GROUP,
    POD_USER,
)
from tests.cluster.kube import Kube
from tests.cluster.lab import LAB, Object, settled, wait
from tests.cluster.pods import idle_command, inside, toolbox_pod

BITS = {CAPABILITY: 1 << 10}
"""Source: linux/capability.h."""
FILTERED = "2"
"""What /proc says of a process whose system calls a seccomp filter looks at. Source: proc_pid_status(5)."""
Shell = Callable[[str, str], str]


@pytest.fixture
def run(kube: Kube) -> Shell:
    """Runs a line of shell in a container of the exhibit, and says what it prints, errors too."""
    (pod,) = settled(kube, LAB, NAME, 1)
    return lambda container, line: _shell(kube, pod, line, container)


def _shell(kube: Kube, pod: Object, line: str, container: str | None = None) -> str:
    command = ("sh", "-c", f"({line}) 2>&1 || true")
    return inside(kube, LAB, pod["metadata"]["name"], *command, container=container)


def _status(run: Shell, container: str) -> dict[str, str]:
    """What the kernel says of the container's first process."""
    lines = run(container, "cat /proc/1/status").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@pytest.mark.concept("I8")
def test_a_process_is_who_its_security_context_says(run: Shell) -> None:
    """User, group and further groups of the pod, and of a container that says otherwise, as `id` prints them inside."""
    ids = "id -u; id -g; id -G"
    for container, user, group in (("as-the-pod", POD_USER, POD_GROUP), ("as-itself", OWN_USER, OWN_GROUP)):
        first, second, groups = run(container, ids).splitlines()
        assert (int(first), int(second)) == (user, group), container
        assert {int(one) for one in groups.split()} == {group, FILES_GROUP, MORE_GROUP}, container


@pytest.mark.concept("I8")
def test_files_in_a_volume_belong_to_the_pods_group(run: Shell) -> None:
    """What one user writes into the volume belongs to `fsGroup`, and another user of that group reads it."""
    run("as-the-pod", "umask 027; rm -f /tmp/shared; echo shared > /tmp/shared")
    assert run("as-the-pod", "stat -c '%u %g %a' /tmp/shared") == f"{POD_USER} {FILES_GROUP} 640"
    assert run("as-itself", "cat /tmp/shared; stat -c %g /tmp") == f"shared\n{FILES_GROUP}"
    assert "Permission denied" in run("as-itself", "echo mine >> /tmp/shared")


@pytest.mark.concept("I8")
def test_the_root_file_system_cannot_be_written(run: Shell) -> None:
    """Its mount is read-only, and so is every file of the image; the volume can be written."""
    assert "Read-only file system" in run("as-the-pod", "touch /file")
    (options,) = run("as-the-pod", "awk '$2 == \"/\" {print $4}' /proc/mounts").splitlines()
    assert "ro" in options.split(",")
    assert run("as-the-pod", "touch /tmp/file && rm /tmp/file && echo written") == "written"


@pytest.mark.concept("I8")
def test_a_container_has_the_capabilities_that_it_adds_and_no_other(run: Shell) -> None:
    """Dropped: no capability can ever be had; added: this one is in the bounding set, and it stays a bound.

    No container gains one from a file that it runs, for the kernel was told so (NoNewPrivs).
    """
    for container, bound in (("as-the-pod", 0), ("capable", BITS[CAPABILITY])):
        status = _status(run, container)
        assert int(status["CapBnd"], 16) == bound, container
        assert {int(status[one], 16) for one in ("CapEff", "CapPrm", "CapAmb")} == {0}, container
        assert status["NoNewPrivs"] == "1", container


@pytest.mark.concept("I8")
def test_the_default_seccomp_profile_refuses_what_no_ordinary_program_needs(run: Shell) -> None:
    """The kernel filters the calls of every container; making a user namespace is refused, changing a mode is not."""
    assert _status(run, "as-the-pod")["Seccomp"] == FILTERED
    assert "Operation not permitted" in run("as-the-pod", "unshare -U true")
    assert run("as-the-pod", _change_a_mode()) == "changed"


def _change_a_mode() -> str:
    return "rm -f /tmp/mode; touch /tmp/mode && chmod 600 /tmp/mode && echo changed"


@pytest.mark.concept("I8")
def test_a_profile_of_ones_own_refuses_what_it_names(kube: Kube, outputs: dict[str, Any]) -> None:
    """Under the profile of the node's file `chmod` is refused; what it does not name works as everywhere."""
    if not outputs["capabilities"].get("own_nodes"):
        pytest.skip("needs own_nodes: the nodes do not carry the profile")
    (pod,) = settled(kube, LAB, OWN_PROFILE, 1)
    assert "Operation not permitted" in _shell(kube, pod, _change_a_mode())
    assert "Operation not permitted" in _shell(kube, pod, "unshare -U true")
    assert _shell(kube, pod, "umask 177; rm -f /tmp/mode; touch /tmp/mode; stat -c %a /tmp/mode") == "600"


@pytest.mark.concept("I8")
def test_an_selinux_level_reaches_the_process_only_where_selinux_enforces(kube: Kube, run: Shell) -> None:
    """The API server keeps the option. What the kernel says of the process depends on whether SELinux enforces."""
    (pod,) = settled(kube, LAB, NAME, 1)
    options = {one["name"]: one["securityContext"].get("seLinuxOptions") for one in pod["spec"]["containers"]}
    assert {name: level for name, level in options.items() if level} == {"labelled": {"level": LEVEL}}
    label = run("labelled", "tr -d '\\0' < /proc/1/attr/current")
    enforces = run("labelled", "cat /sys/fs/selinux/enforce") == "1"
    assert label.endswith(LEVEL) if enforces else LEVEL not in label, label


@pytest.mark.concept("I8")
def test_an_apparmor_profile_confines_where_the_kernel_has_apparmor(
    kube: Kube, namespace: str, outputs: dict[str, Any]
) -> None:
    """The pod that asks for the runtime's profile runs under it; where the kernel has no AppArmor, it is refused."""
    pod = toolbox_pod("confined", str(outputs["images"]["toolbox"]), idle_command())
    pod["metadata"]["namespace"] = namespace
    pod["spec"]["securityContext"]["appArmorProfile"] = {"type": "RuntimeDefault"}
    kube.apply(pod)

    def phase() -> str:
        return str(kube.get("pod", "confined", "--namespace", namespace)["status"]["phase"])

    wait(kube, namespace, "the pod runs or is refused", lambda: phase() in ("Running", "Failed"))
    if phase() == "Failed":
        message = kube.get("pod", "confined", "--namespace", namespace)["status"]["message"]
        assert "AppArmor is not enabled on the host" in message, message
        pytest.skip("unsupported: AppArmor; the kubelet refuses the pod and says so")
    assert inside(kube, namespace, "confined", "cat", "/proc/1/attr/current").endswith("(enforce)")
