"""The Pushgateway: keeps what a program that ends has pushed, for Prometheus to scrape. Owns nothing that must last.

Its figures outlive its container in a folder of the pod; after the pod the next report, ten minutes later at most,
pushes them again. Who may push is a matter of the network: the report alone.
"""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core import v1

from infra.observability.stateless import Mounted, Program, deployed

NAME = "pushgateway"
PORT = 9091
URL = f"http://{NAME}.observability:{PORT}"
FOLDER = "/var/lib/pushgateway"


def pushgateway(namespace: pulumi.Output[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> Deployment:
    """The Deployment with its Service."""
    return deployed(program(image), namespace, opts)


def program(image: pulumi.Input[str]) -> Program:
    """Without the API that deletes, and without the one that ends the process."""
    scratch = v1.VolumeArgs(name="figures", empty_dir=v1.EmptyDirVolumeSourceArgs(size_limit="16Mi"))
    return Program(
        NAME,
        image,
        [f"--persistence.file={FOLDER}/figures", "--persistence.interval=5s", "--log.format=json"],
        {"http": PORT},
        memory_mib=(16, 64),
        mounts=[Mounted(scratch, FOLDER, read_only=False)],
        ready="/-/ready",
        live="/-/healthy",
    )
