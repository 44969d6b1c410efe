"""Chapter 8: one ConfigMap in each of the ways in which a process can get it, and a Secret as a file."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1

from infra.lab.exhibit import Room, container, deployment, idle, metadata, pod
from infra.lib.password import Password

NAME = "configured"
COLOUR = "COLOUR"
GREETING = "greeting.txt"
FILES = "/etc/lab"
PINNED = f"/etc/pinned/{GREETING}"
SECRETS = "/run/secrets/lab"


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """The pod, its ConfigMap and Secret, and a ConfigMap that can no longer be changed."""
    values = {COLOUR: "blue", GREETING: "hello\n"}
    config = v1.ConfigMap(NAME, metadata=metadata(room, NAME, "F7 F8 F9"), data=values, opts=opts)
    token = Password("lab-token", opts).value
    secret = v1.Secret(NAME, metadata=metadata(room, NAME, "F10"), string_data={"token": token}, opts=opts)
    sealed = metadata(room, "sealed", "F9")
    v1.ConfigMap("sealed", metadata=sealed, data={"version": "1"}, immutable=True, opts=opts)
    Deployment(
        NAME,
        metadata=metadata(room, NAME, "F7 F8 F9 F10"),
        spec=configured(room.toolbox),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[config, secret])),
    )


def configured(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """The same values as an environment variable, as an argument, as files, and as a file that never changes.

    Environment and arguments are fixed when the process starts: a change needs new pods. Files follow the ConfigMap
    within about a minute, all at once, because the folder is a symlink that is swapped. A single file mounted by
    `subPath` is no symlink, and so it keeps its first content. A Secret's files lie in memory, never on the disk.
    """
    key = v1.ConfigMapKeySelectorArgs(name=NAME, key=COLOUR)
    main = container(
        image,
        NAME,
        [*idle(), NAME],
        mounts={FILES: "files", PINNED: f"files/{GREETING}", SECRETS: "secrets"},
        args=[f"--colour=$({COLOUR})"],
        env=[v1.EnvVarArgs(name=COLOUR, value_from=v1.EnvVarSourceArgs(config_map_key_ref=key))],
    )
    return deployment(NAME, pod([main], volumes=[_files(), _secrets()]))


def _files() -> v1.VolumeArgs:
    return v1.VolumeArgs(name="files", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME))


def _secrets() -> v1.VolumeArgs:
    return v1.VolumeArgs(name="secrets", secret=v1.SecretVolumeSourceArgs(secret_name=NAME, default_mode=0o440))
