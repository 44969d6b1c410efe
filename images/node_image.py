"""The node image: its base with the images that kubeadm starts put into containerd, as kind's own build does it."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from images import docker
from images.inputs import scratch
from toolchain.errors import ToolchainError

START_SECONDS = 60
IMPORT_SECONDS = 600
_CTR = ("ctr", "--namespace=k8s.io")
_ARCHIVE = "/mnt/images.tar"


def build(tag: str, base: str, contained: Mapping[str, str]) -> None:
    """Makes the image; the tag appears only when everything is in it.

    Args:
        tag: the tag it gets.
        base: the tag of the base image.
        contained: tag in Docker's store → the name that kubeadm fixes.

    Raises:
        ToolchainError: containerd does not start in the base, or an image cannot be put into it.
    """
    with tempfile.TemporaryDirectory(dir=scratch(), prefix="node-") as folder:
        archive = Path(folder) / "images.tar"
        docker.call("save", "--output", str(archive), *contained, seconds=IMPORT_SECONDS)
        with _container(base, Path(folder)) as container:
            _wait_for_containerd(container)
            _import(container, contained)
            docker.call("exec", container, "pkill", "-x", "containerd")
            docker.call("exec", container, "rm", "-rf", "/run/containerd")
            _commit(container, tag)


def _commit(container: str, tag: str) -> None:
    entrypoint = 'ENTRYPOINT ["/usr/local/bin/entrypoint","/sbin/init"]'
    docker.call("commit", "--change", entrypoint, "--change", "CMD []", container, tag, seconds=IMPORT_SECONDS)


@contextmanager
def _container(base: str, archives: Path) -> Iterator[str]:
    """A container of the base in which containerd runs, removed at the end, as is one that an earlier run left."""
    name = "blueprint-build-node"
    docker.call("rm", "--force", "--volumes", name)
    options = ["--detach", "--name", name, "--network=none", "--label", f"{docker.LABEL}=node"]
    mount = ["--mount", f"type=bind,source={archives},target=/mnt,readonly"]
    command = ["-c", "containerd >/dev/null 2>&1 & exec sleep infinity"]
    docker.call("run", *options, *mount, "--entrypoint=/bin/sh", base, *command)
    try:
        yield name
    finally:
        docker.call("rm", "--force", "--volumes", name)


def _wait_for_containerd(container: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            docker.call("exec", container, *_CTR, "images", "list", "--quiet")
        except ToolchainError as error:
            if time.monotonic() > deadline:
                raise docker.failed("node", f"containerd did not start in its base: {error.value}") from None
            time.sleep(0.5)
        else:
            return


def _import(container: str, contained: Mapping[str, str]) -> None:
    """Imports without unpacking, which needs a file system that overlayfs can lie on: the nodes' own /var is one."""
    options = ["--label=io.cri-containerd.pinned=pinned", "--all-platforms", "--no-unpack"]
    docker.call("exec", container, *_CTR, "images", "import", *options, _ARCHIVE, seconds=IMPORT_SECONDS)
    for tag, name in contained.items():
        imported = f"docker.io/{tag}"
        docker.call("exec", container, *_CTR, "images", "tag", "--force", imported, name)
        docker.call("exec", container, *_CTR, "images", "remove", imported)
