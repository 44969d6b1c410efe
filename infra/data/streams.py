"""The streams of the broker: a Job that brings them to what `streams.yaml` declares, once for each of its contents."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.data.nats import NatsLogin
from infra.data.store import secret_volume
from infra.lib.checksum import checksum
from infra.lib.labels import labels
from infra.lib.security import restricted_container, restricted_pod

NAME = "streams"
USER = 10001
FILE = Path(__file__).with_name("streams.yaml")
FOLDER = "/etc/streams"
SECRET = "streams-nats"  # noqa: S105 - a name
SECRETS = "/run/secrets/nats"
DEADLINE_SECONDS = 240


@dataclass(frozen=True)
class StreamsArgs:
    """What decides the Job.

    Attributes:
        namespace: where it runs.
        image: the image of the service `streams` by digest.
        login: its user at the broker.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    login: NatsLogin


class Streams(pulumi.ComponentResource):
    """The streams and consumers, declared and there."""

    def __init__(self, name: str, args: StreamsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:data:Streams", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        declared = FILE.read_text()
        v1.ServiceAccount(
            name, metadata=_metadata(NAME, args.namespace), automount_service_account_token=False, opts=child
        )
        secret = v1.Secret(
            SECRET,
            metadata=_metadata(SECRET, args.namespace),
            string_data={"password": args.login.password},
            opts=child,
        )
        # Named by its content, as the Job is: the Job of before keeps what it was made with.
        versioned = f"{NAME}-{checksum(declared)}"
        file = v1.ConfigMap(name, metadata=_metadata(versioned, args.namespace), data={FILE.name: declared}, opts=child)
        Job(
            name,
            metadata=_metadata(versioned, args.namespace),
            spec=streams_job(args, versioned),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[secret, file],
                custom_timeouts=pulumi.CustomTimeouts(create=f"{DEADLINE_SECONDS + 60}s"),
            ),
        )
        self.register_outputs({})


def _metadata(name: str, namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(NAME, "job"))


def streams_job(args: StreamsArgs, file: str) -> JobSpecArgs:
    """One pod at a time, tried again a few times; it waits for the broker itself."""
    return JobSpecArgs(
        backoff_limit=4,
        active_deadline_seconds=DEADLINE_SECONDS,
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "job")),
            spec=v1.PodSpecArgs(
                restart_policy="Never",
                service_account_name=NAME,
                automount_service_account_token=False,
                security_context=restricted_pod(USER),
                containers=[streams_container(args)],
                volumes=[
                    v1.VolumeArgs(name="declared", config_map=v1.ConfigMapVolumeSourceArgs(name=file)),
                    secret_volume("password", SECRET),
                ],
            ),
        ),
    )


def streams_container(args: StreamsArgs) -> v1.ContainerArgs:
    """The service's program, with its file and its login."""
    settings = {
        "NATS_URL": args.login.url,
        "NATS_USER": args.login.user,
        "NATS_PASSWORD_FILE": f"{SECRETS}/password",
        "STREAMS_FILE": f"{FOLDER}/{FILE.name}",
    }
    return v1.ContainerArgs(
        name=NAME,
        image=args.image,
        env=[v1.EnvVarArgs(name=key, value=value) for key, value in settings.items()],
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "20m", "memory": "48Mi"}, limits={"memory": "128Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="declared", mount_path=FOLDER, read_only=True),
            v1.VolumeMountArgs(name="password", mount_path=SECRETS, read_only=True),
        ],
    )
