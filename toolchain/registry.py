"""The stack's registry: a container with a volume on the cluster's network; the host fills it, the nodes pull from it.

Owns that container and volume, and the nodes' trust in it. What is put into it is `images`' matter.
Source: https://kind.sigs.k8s.io/docs/user/local-registry/
"""

import json

from toolchain import network
from toolchain.errors import ToolchainError
from toolchain.shell import run as run_program

PORT = 5000
SECONDS = 60


def name(cluster: str) -> str:
    """The name of the cluster's registry: its container and its volume."""
    return f"{cluster}-registry"


def address(cluster: str) -> str:
    """The registry's address as the nodes and the manifests name it."""
    return f"{name(cluster)}:{PORT}"


def runs(cluster: str) -> bool:
    """Whether its container runs."""
    only = ("--filter", f"name=^{name(cluster)}$", "--filter", "status=running")
    return name(cluster) in _docker("ps", *only, "--format", "{{.Names}}").split()


def run(cluster: str, port: int, image: str) -> None:
    """Runs the registry on the cluster's network; it may do nothing but serve from its volume.

    Args:
        cluster: the cluster's name.
        port: port of the host's loopback on which it takes images.
        image: its own image.
    """
    label = f"{network.LABEL}={cluster}"
    _docker("volume", "create", "--label", label, name(cluster))
    _docker(
        *("run", "--detach", "--name", name(cluster), "--network", cluster, "--restart", "unless-stopped"),
        *("--label", label, "--read-only", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--volume", f"{name(cluster)}:/var/lib/registry"),
        *("--publish", f"127.0.0.1:{port}:{PORT}", image),
    )


def ensure(cluster: str, port: int, image: str) -> None:
    """Makes a container that is gone anew, on the volume that is there. Arguments as for `run`."""
    if not _exists("container", name(cluster)):
        run(cluster, port, image)


def remove(cluster: str) -> None:
    """Removes the registry and the images in it. What is gone already is fine.

    Raises:
        ToolchainError: a container or volume of the registry's name is there that this project did not make.
    """
    for kind in ("container", "volume"):
        if _exists(kind, name(cluster)) and not _is_ours(kind, cluster):
            by_hand = f"docker {kind} rm --force {name(cluster)}"
            raise ToolchainError(
                f"a {kind} {name(cluster)!r} is there that this project did not make",
                "only what `make up` made is removed",
                f"choose another name (BLUEPRINT_CLUSTER=…), or remove it yourself: {by_hand}",
            )
    _docker("rm", "--force", "--volumes", name(cluster))
    _docker("volume", "rm", "--force", name(cluster))


def trust(node: str, registry: str) -> None:
    """Lets a node's containerd pull from the registry by plain HTTP.

    Args:
        node: the node's container.
        registry: the registry's address.
    """
    folder = f"/etc/containerd/certs.d/{registry}"
    hosts = f'[host."http://{registry}"]\n  capabilities = ["pull", "resolve"]\n'
    _docker("exec", node, "mkdir", "-p", folder)
    _docker("exec", "-i", node, "cp", "/dev/stdin", f"{folder}/hosts.toml", stdin=hosts)


def _exists(kind: str, name: str) -> bool:
    listing = ["ps", "--all", "--format", "{{.Names}}"] if kind == "container" else ["volume", "ls", "--quiet"]
    return name in _docker(*listing, "--filter", f"name={name}").split()


def _is_ours(kind: str, cluster: str) -> bool:
    labels = "{{json .Config.Labels}}" if kind == "container" else "{{json .Labels}}"
    found = json.loads(_docker(kind, "inspect", "--format", labels, name(cluster))) or {}
    return bool(found.get(network.LABEL) == cluster)


def _docker(*arguments: str, stdin: str | None = None) -> str:
    remedy = "check `docker info`, then run `make up` again"
    return run_program(["docker", *arguments], seconds=SECONDS, remedy=remedy, stdin=stdin)
