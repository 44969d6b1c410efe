"""Hosts outside the cluster that a test puts up itself: containers of the toolbox image on a Docker network."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from images import builder
from tests.cluster.kube import eventually
from tests.cluster.nodes import docker

PORT = 8080
START_SECONDS = 30
SAYS_WHO_ASKS = (
    "mkdir -p /tmp/www/cgi-bin && hostname > /tmp/www/index.html"
    r" && printf '#!/bin/sh\necho\nfrom=${REMOTE_ADDR##*:}\necho ${from%%]}\n' > /tmp/www/cgi-bin/who"
    " && chmod 755 /tmp/www/cgi-bin/who"
    f" && exec httpd -f -p {PORT} -h /tmp/www"
)
"""A web server whose page is its host's name, and whose `/cgi-bin/who` is the address that the request came from."""


@dataclass(frozen=True)
class Host:
    """A host on a Docker network.

    Attributes:
        name: of its container, which is its host name too.
        address: its address there.
    """

    name: str
    address: str

    @property
    def url(self) -> str:
        """Where its web server answers."""
        return f"http://{self.address}:{PORT}"

    def runs(self, *command: str) -> str:
        """What a command prints on the host. It must succeed."""
        return docker("exec", self.name, *command).strip()


@contextmanager
def host_on(network: str) -> Iterator[Host]:
    """A host with a web server on the network, while the body runs."""
    name = f"outside-{uuid.uuid4().hex[:8]}"
    image = builder.ensure("toolbox")
    docker("run", "--detach", "--rm", "--init", "--name", name, "--hostname", name, "--network", network, image,
           "sh", "-c", SAYS_WHO_ASKS)  # fmt: skip
    try:
        described = json.loads(docker("inspect", name))[0]
        host = Host(name, described["NetworkSettings"]["Networks"][network]["IPAddress"])
        eventually(
            f"{name} serves its page",
            lambda: host.runs("sh", "-c", f"wget -q -T 2 -O - http://127.0.0.1:{PORT}/ || true") == name,
            seconds=START_SECONDS,
            diagnose=lambda: docker("logs", name),
        )
        yield host
    finally:
        docker("rm", "--force", name)


@contextmanager
def other_network() -> Iterator[str]:
    """A Docker network of the test's own, while the body runs."""
    name = f"beyond-{uuid.uuid4().hex[:8]}"
    docker("network", "create", "--driver", "bridge", name)
    try:
        yield name
    finally:
        docker("network", "rm", name)
