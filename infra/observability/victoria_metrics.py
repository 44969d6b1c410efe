"""VictoriaMetrics: the store beside Prometheus, to which all samples are written too. Its own page is the look at both.

It keeps them longer, on a disk of its own, and it answers PromQL: who lost Prometheus asks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1

from infra.data.store import READY_IN, Store, container_ports, headless_service, secret_volume, store_set
from infra.lib.password import Password
from infra.lib.security import restricted_container
from infra.observability.reading import http_probe, metadata

NAME = "victoria-metrics"
PORTS = {"http": 8428}
USER = 65532
DATA, KEYS, DASHBOARDS = (
    "/var/lib/victoria-metrics",
    "/run/secrets/victoria-metrics",
    "/etc/victoria-metrics/dashboards",
)
KEY_FILE = "key"
KEPT_DAYS = 14
LEAST_FREE_MB = 200
"""With less free than this it takes nothing more, and says so: Prometheus keeps what it could not send."""
STOP_SECONDS = 30
STORAGE = "2Gi"
LIMIT_MIB = 192
GUARDED = ("delete", "snapshot", "forceMerge", "forceFlush", "pprof", "flags", "metricNamesStatsReset")
"""What its port offers beside reading and writing; all of it wants a key."""


@dataclass(frozen=True)
class VictoriaMetricsArgs:
    """What decides the store.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        dashboards: the files of its page's dashboards by their names.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    dashboards: Mapping[str, str]


class VictoriaMetrics(pulumi.ComponentResource):
    """One VictoriaMetrics with its claim."""

    def __init__(self, name: str, args: VictoriaMetricsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:observability:VictoriaMetrics", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        own = metadata(NAME, args.namespace)
        key = Password(f"{name}-key", child).value
        v1.Secret(name, metadata=own, string_data={KEY_FILE: key}, opts=child)
        boards = metadata(NAME, args.namespace, f"{NAME}-dashboards")
        v1.ConfigMap(f"{name}-dashboards", metadata=boards, data=args.dashboards, opts=child)
        v1.ServiceAccount(name, metadata=own, automount_service_account_token=False, opts=child)
        v1.Service(
            name,
            metadata=metadata(NAME, args.namespace, annotations={"pulumi.com/skipAwait": "true"}),
            spec=headless_service(NAME, PORTS),
            opts=child,
        )
        waiting = pulumi.ResourceOptions(parent=self, custom_timeouts=READY_IN)
        StatefulSet(name, metadata=own, spec=victoria_metrics_set(args.image), opts=waiting)
        self.register_outputs({})


def victoria_metrics_set(image: pulumi.Input[str]) -> StatefulSetSpecArgs:
    """One server. Its page reads the dashboards' files at each look, so they do not change its pod."""
    dashboards = v1.ConfigMapVolumeSourceArgs(name=f"{NAME}-dashboards")
    volumes = [secret_volume("keys", NAME), v1.VolumeArgs(name="dashboards", config_map=dashboards)]
    return store_set(Store(NAME, USER, container(image), volumes, STOP_SECONDS, storage=STORAGE))


def container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server. `latencyOffset` is how long it hides new samples from queries, so that all targets' are there."""
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=[f"/{NAME}"],
        args=[
            f"-httpListenAddr=:{PORTS['http']}",
            f"-storageDataPath={DATA}",
            f"-retentionPeriod={KEPT_DAYS}d",
            f"-storage.minFreeDiskSpaceBytes={LEAST_FREE_MB}MB",
            *("-memory.allowedBytes=64MiB", "-search.maxConcurrentRequests=4", "-search.latencyOffset=5s"),
            f"-vmui.customDashboardsPath={DASHBOARDS}",
            *(f"-{what}AuthKey=file://{KEYS}/{KEY_FILE}" for what in GUARDED),
            "-loggerFormat=json",
        ],
        env=[v1.EnvVarArgs(name="GOMEMLIMIT", value=f"{LIMIT_MIB * 8 // 10}MiB")],
        ports=container_ports(PORTS),
        startup_probe=http_probe("/health", "http", period=1, failures=120),
        readiness_probe=http_probe("/health", "http", period=5, failures=3),
        liveness_probe=http_probe("/health", "http", period=10, failures=6),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "30m", "memory": "96Mi"}, limits={"memory": f"{LIMIT_MIB}Mi"}
        ),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="data", mount_path=DATA),
            v1.VolumeMountArgs(name="keys", mount_path=KEYS, read_only=True),
            v1.VolumeMountArgs(name="dashboards", mount_path=DASHBOARDS, read_only=True),
        ],
    )
