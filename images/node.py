"""The node image's own images: what kubeadm starts must lie in the node's containerd, under the names kubeadm fixes."""

import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from toolchain import programs
from toolchain.errors import ToolchainError
from toolchain.recipes import KUBERNETES_VERSION
from toolchain.shell import run

SECONDS = 300
_REMEDY = "read the lines above; when the cause is mended, run `make up` again"
_START = "containerd >/tmp/containerd.log 2>&1 & until ctr version >/dev/null 2>&1; do sleep 0.1; done; wait"


def fill(image: str, holds: Mapping[str, str], target: str) -> None:
    """Imports the images into the containerd of a container of `image`, and commits that as `target`.

    Args:
        image: the node image without images.
        holds: component → the host's reference of its image.
        target: the reference of the node image with them.

    Raises:
        ToolchainError: an image cannot be imported, or kubeadm names no such component.
    """
    names = upstream_names(holds)
    container = f"blueprint-node-{uuid.uuid4().hex[:8]}"
    _docker("run", "--detach", "--privileged", "--name", container, "--entrypoint", "sh", image, "-c", _START)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            archive = Path(scratch) / "images.tar"
            _docker("save", "--output", str(archive), *holds.values())
            _docker("cp", str(archive), f"{container}:/images.tar")
        inside = ["exec", container, "ctr", "--namespace", "k8s.io", "images"]
        _docker("exec", container, "sh", "-c", "until ctr version >/dev/null 2>&1; do sleep 0.1; done")
        _docker(*inside, "import", "--no-unpack", "--digests", "/images.tar")
        for component, reference in holds.items():
            _docker(*inside, "tag", f"docker.io/{reference}", names[component])
            _docker(*inside, "rm", f"docker.io/{reference}")
        _docker("exec", container, "rm", "/images.tar", "/tmp/containerd.log")  # noqa: S108 - the container's own
        _docker("exec", container, "pkill", "--signal", "TERM", "containerd")
        _docker("wait", container)
        entry = 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]'
        _docker("commit", "--change", entry, "--change", "CMD []", container, target)
    finally:
        _docker("rm", "--force", "--volumes", container)


def upstream_names(components: Mapping[str, str]) -> dict[str, str]:
    """Component → the name that kubeadm of this version gives its image.

    Raises:
        ToolchainError: kubeadm names no image of that component.
    """
    command = [str(programs.build("kubeadm")), "config", "images", "list", "--kubernetes-version", KUBERNETES_VERSION]
    listed = run(command, seconds=SECONDS, remedy=_REMEDY).split()
    by_component = {name.rpartition("/")[2].partition(":")[0]: name for name in listed}
    missing = sorted(set(components) - set(by_component))
    if missing:
        raise ToolchainError(f"kubeadm names no {', '.join(missing)}", "every image held is one it starts", _REMEDY)
    return {component: by_component[component] for component in components}


def _docker(*arguments: str) -> str:
    return run(["docker", *arguments], seconds=SECONDS, remedy=_REMEDY)
