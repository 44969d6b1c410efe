"""A host outside the cluster, on the nodes' own network: what pods reach there, they reach anywhere."""

import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.kube import eventually
from tests.cluster.matrix import echo
from tests.cluster.nodes import docker
from tests.cluster.shop import PYTHON
from toolchain import registry

PORT = 7007
CONNECT_SECONDS = 2
START_SECONDS = 30


@contextmanager
def outside_host(cluster: str, image: str) -> Iterator[str]:
    """The address of a container that echoes on `PORT` by TCP and UDP until the `with` ends.

    Args:
        cluster: the cluster's name, which its Docker network has too.
        image: a service's image, as `on_the_host` names it.
    """
    name = f"{cluster}-outside-{uuid.uuid4().hex[:8]}"
    confined = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "64m")
    run = ("run", "--detach", "--rm", "--name", name, "--network", cluster, *confined)
    try:
        docker(*run, "--entrypoint", PYTHON, image, "-c", Path(echo.__file__).read_text(), str(PORT))
        address = container_address(cluster, name)
        eventually(f"{name} answers", lambda: answers(address, PORT), seconds=START_SECONDS)
        yield address
    finally:
        docker("rm", "--force", name)


def container_address(cluster: str, name: str) -> str:
    """A container's address on the cluster's network."""
    template = f'{{{{(index .NetworkSettings.Networks "{cluster}").IPAddress}}}}'
    return docker("inspect", "--format", template, name).strip()


def registry_address(cluster: str) -> str:
    """The address of the stack's registry, which stands beside the cluster."""
    return container_address(cluster, registry.name(cluster))


def answers(address: str, port: int) -> bool:
    """Whether this machine can connect."""
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS):
            return True
    except OSError:
        return False


def on_the_host(cluster: str, image: str, port: int) -> str:
    """An image of the stack's registry by the name that this machine's Docker pulls it with.

    Args:
        cluster: the cluster's name.
        image: by its name in manifests.
        port: port of the host's loopback that leads to the registry.
    """
    own = f"{registry.address(cluster)}/"
    assert image.startswith(own), f"{image} is not of the stack's registry {own}"
    return f"127.0.0.1:{port}/{image.removeprefix(own)}"
