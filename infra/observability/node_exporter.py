"""The node exporter: CPU, memory, disks and load of every node, the control plane's too.

It has its own network, as any pod: the node's interfaces it cannot see then, and the kubelet tells of them instead
(job `cadvisor`). In return it needs no port of the node, and policies hold for it.
"""

import pulumi
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from infra.data.store import READY_IN, container_ports
from infra.lib.labels import daemon_selector, labels
from infra.lib.security import restricted_container, restricted_pod
from infra.observability.reading import http_probe, metadata

NAME = "node-exporter"
PORTS = {"metrics": 9100}
USER = 65532
HOST = {"proc": "/proc", "sys": "/sys", "root": "/"}
"""Folders of the node that it reads, by the name of the volume; it is nobody there and sees what everybody may."""
COLLECTORS = (
    *("cpu", "diskstats", "filefd", "filesystem", "loadavg", "meminfo", "pressure", "stat", "time", "uname", "vmstat"),
)
NO_DISKS = "^/(dev|proc|run|sys|tmp|etc|usr|lib|kind|var/lib/(kubelet|containerd|docker)/.+)($|/)"
"""Mount points that are no disk of the node: single files, and what the kubelet mounts for pods."""


def node_exporter(namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> DaemonSet:
    """One on every node. It asks nobody anything, so it has no token."""
    account = v1.ServiceAccount(
        NAME, metadata=metadata(NAME, namespace), automount_service_account_token=False, opts=opts
    )
    after = pulumi.ResourceOptions(depends_on=[account], custom_timeouts=READY_IN)
    return DaemonSet(
        NAME, metadata=metadata(NAME, namespace), spec=daemon_set(image), opts=pulumi.ResourceOptions.merge(opts, after)
    )


def daemon_set(image: pulumi.Input[str]) -> DaemonSetSpecArgs:
    """On the control plane's node too, and also on a node that is in trouble: that is when its figures are wanted."""
    volumes = [
        v1.VolumeArgs(name=name, host_path=v1.HostPathVolumeSourceArgs(path=path, type="Directory"))
        for name, path in HOST.items()
    ]
    return DaemonSetSpecArgs(
        selector=LabelSelectorArgs(match_labels=daemon_selector(NAME, "metrics")),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "metrics")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=restricted_pod(USER),
                tolerations=[v1.TolerationArgs(operator="Exists")],
                containers=[container(image)],
                volumes=volumes,
            ),
        ),
    )


def container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The program, with the collectors that somebody looks at."""
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=["/usr/bin/prometheus-node-exporter"],
        args=[
            f"--web.listen-address=:{PORTS['metrics']}",
            *("--path.procfs=/host/proc", "--path.sysfs=/host/sys", "--path.rootfs=/host/root"),
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in COLLECTORS),
            f"--collector.filesystem.mount-points-exclude={NO_DISKS}",
            "--web.disable-exporter-metrics",
            *("--web.max-requests=4", "--log.format=json", "--log.level=warn"),
        ],
        env=[v1.EnvVarArgs(name="GOMEMLIMIT", value="36MiB")],
        ports=container_ports(PORTS),
        readiness_probe=http_probe("/", "metrics", period=10, failures=3),
        liveness_probe=http_probe("/", "metrics", period=20, failures=3),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "16Mi"}, limits={"memory": "48Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(
                name=name, mount_path=f"/host/{name}", read_only=True, mount_propagation="HostToContainer"
            )
            for name in HOST
        ],
    )
