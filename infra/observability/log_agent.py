"""The log agent: on every node, reads each container's log and the API server's audit log, and sends them on.

It mounts folders of its node, which no pod of a restricted namespace may. It is user 0, since the files belong to that
user (container logs 0640, the audit log 0600), but has none of root's capabilities: it reads what its user owns, from
mounts that cannot be written, and writes its own folder alone. As another user it would need CAP_DAC_READ_SEARCH,
with which it could read every file that it is given, whoever's; and Kubernetes gives no such user a capability.
"""

import pulumi
import yaml
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.lib.checksum import checksum
from infra.lib.labels import daemon_selector, labels
from infra.lib.security import restricted_container
from infra.observability.reading import http_probe
from monitoring.logs import agent

NAME = "log-agent"
PORTS = {"metrics": agent.TELEMETRY, "health": agent.HEALTH}
LIMIT_MIB = 128
STOP_SECONDS = 30
CONFIGURATION = "/etc/log-agent"
FILE = "agent.yaml"
STATE_ON_NODE = "/var/lib/blueprint/log-agent"
"""Neither a claim nor an emptyDir: a claim is not the node's, and an emptyDir goes with the pod, so that each rollout
would send every log of the node again."""
READY_IN = pulumi.CustomTimeouts(create="5m", update="5m")


def log_agent(namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> DaemonSet:
    """The agents with their configuration. They need no right in the cluster: a file's path says whose log it is."""
    own = _metadata(namespace)
    text = yaml.safe_dump(agent.configuration(), sort_keys=False)
    config = v1.ConfigMap(NAME, metadata=own, data={FILE: text}, opts=opts)
    account = v1.ServiceAccount(NAME, metadata=own, automount_service_account_token=False, opts=opts)
    after = pulumi.ResourceOptions(depends_on=[config, account], custom_timeouts=READY_IN)
    return DaemonSet(
        NAME,
        metadata=own,
        spec=agent_set(image, checksum(text)),
        opts=pulumi.ResourceOptions.merge(opts, after),
    )


def _metadata(namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=NAME, namespace=namespace, labels=labels(NAME, "logs"))


def agent_set(image: pulumi.Input[str], reads: pulumi.Input[str]) -> DaemonSetSpecArgs:
    """One agent on each node, the control plane's and those in trouble too: their logs are wanted most.

    A node's old agent stops before its new one starts, since both would write the same folder.
    """
    return DaemonSetSpecArgs(
        selector=LabelSelectorArgs(match_labels=daemon_selector(NAME, "logs")),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "logs"), annotations={"blueprint/reads": reads}),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=v1.PodSecurityContextArgs(
                    run_as_user=0, run_as_group=0, seccomp_profile=v1.SeccompProfileArgs(type="RuntimeDefault")
                ),
                tolerations=[v1.TolerationArgs(operator="Exists")],
                termination_grace_period_seconds=STOP_SECONDS,
                containers=[agent_container(image)],
                volumes=[
                    v1.VolumeArgs(name="configuration", config_map=v1.ConfigMapVolumeSourceArgs(name=NAME)),
                    *(
                        v1.VolumeArgs(name=name, host_path=v1.HostPathVolumeSourceArgs(path=path, type=kind))
                        for name, path, kind in host_paths()
                    ),
                ],
            ),
        ),
    )


def host_paths() -> list[tuple[str, str, str]]:
    """Name, path and type of what is the node's. Workers have no audit log: there the folder is made, and is empty."""
    return [
        ("pods", agent.PODS, "Directory"),
        ("audit", agent.AUDIT, "DirectoryOrCreate"),
        ("state", STATE_ON_NODE, "DirectoryOrCreate"),
    ]


def agent_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The collector. It is given half a minute to send what it has read; what is left stays in its queue."""
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=[f"/{NAME}"],
        args=[f"--config={CONFIGURATION}/{FILE}", f"--feature-gates={agent.SYNCHRONOUS}"],
        env=[
            v1.EnvVarArgs(name="GOMEMLIMIT", value=f"{agent.MEMORY_MIB * 4 // 5}MiB"),
            v1.EnvVarArgs(
                name="NODE",
                value_from=v1.EnvVarSourceArgs(field_ref=v1.ObjectFieldSelectorArgs(field_path="spec.nodeName")),
            ),
        ],
        ports=[v1.ContainerPortArgs(name=name, container_port=port) for name, port in PORTS.items()],
        startup_probe=http_probe("/", "health", period=1, failures=60),
        readiness_probe=http_probe("/", "health", period=10, failures=2),
        liveness_probe=http_probe("/", "health", period=10, failures=6),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "30m", "memory": "64Mi"}, limits={"memory": f"{LIMIT_MIB}Mi"}
        ),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="configuration", mount_path=CONFIGURATION, read_only=True),
            v1.VolumeMountArgs(name="pods", mount_path=agent.PODS, read_only=True),
            v1.VolumeMountArgs(name="audit", mount_path=agent.AUDIT, read_only=True),
            v1.VolumeMountArgs(name="state", mount_path=agent.STATE),
        ],
    )
