"""The blackbox exporter: asks the shop as its clients do. What it asks, and how, stands in `monitoring.blackbox`."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core import v1

from infra.lib.authority import Authority
from infra.lib.checksum import checksum
from infra.observability.stateless import Mounted, Program, deployed, metadata
from monitoring.blackbox import configuration

NAME = "blackbox-exporter"
PORT = 9115
FOLDER = "/etc/blackbox"
FILE, AUTHORITY_FILE = "blackbox.yaml", "authority.crt"


def blackbox_exporter(
    namespace: pulumi.Output[str], image: pulumi.Input[str], authority: Authority, opts: pulumi.ResourceOptions
) -> Deployment:
    """The exporter with its modules and the certificate by which it checks TLS. Neither is a secret."""
    files: dict[str, pulumi.Input[str]] = {
        FILE: configuration(f"{FOLDER}/{AUTHORITY_FILE}"),
        AUTHORITY_FILE: authority.certificate,
    }
    config = v1.ConfigMap(NAME, metadata=metadata(NAME, namespace), data=files, opts=opts)
    reads = pulumi.Output.all(**files).apply(lambda texts: checksum(texts[FILE] + texts[AUTHORITY_FILE]))
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[config]))
    return deployed(program(image, reads), namespace, after)


def program(image: pulumi.Input[str], reads: pulumi.Input[str]) -> Program:
    """It keeps the last probes in memory for its page; ten are enough to look at."""
    volume = v1.VolumeArgs(name="configuration", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME))
    return Program(
        NAME,
        image,
        [f"--config.file={FOLDER}/{FILE}", "--history.limit=10", "--log.format=json"],
        {"http": PORT},
        memory_mib=(16, 64),
        mounts=[Mounted(volume, FOLDER)],
        ready="/-/healthy",
        reads=reads,
    )
