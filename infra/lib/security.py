"""Security contexts that the `restricted` Pod Security level asks for.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from pulumi_kubernetes.core import v1


def restricted_pod(user: int) -> v1.PodSecurityContextArgs:
    """A pod that runs as this numeric user, whose volumes belong to the same group."""
    return v1.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user,
        fs_group=user,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=v1.SeccompProfileArgs(type="RuntimeDefault"),
    )


def restricted_container() -> v1.SecurityContextArgs:
    """A container with no capability, no way to gain one, and a root file system that it cannot write."""
    return v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=v1.CapabilitiesArgs(drop=["ALL"]),
    )
