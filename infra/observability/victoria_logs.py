"""VictoriaLogs: one server that keeps every log line for a day. What it keeps and refuses: monitoring/logs/store.py.

Nothing leads to it but the agents and Prometheus; people ask through `make logs`, by a port that the API server
forwards, so that whoever may not do that in this namespace reads no logs.
"""

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1

from infra.data.store import (
    READY_IN,
    Store,
    container_ports,
    headless_service,
    metadata,
    service_metadata,
    store_set,
)
from infra.lib.checksum import checksum
from infra.lib.security import restricted_container
from infra.observability.reading import http_probe
from monitoring.logs import store

NAME = "victoria-logs"
PORTS = {"http": store.PORT}
USER = 65532
STOP_SECONDS = 30
LIMIT_MIB = 160
HEAP_MIB = 128
"""Near this Go collects its garbage sooner, so that the kernel does not have to end the server."""
STORAGE = "5Gi"


def victoria_logs(namespace: pulumi.Input[str], image: pulumi.Input[str], opts: pulumi.ResourceOptions) -> StatefulSet:
    """The server with its claim and its Service."""
    own = metadata(NAME, namespace)
    account = v1.ServiceAccount(NAME, metadata=own, automount_service_account_token=False, opts=opts)
    v1.Service(NAME, metadata=service_metadata(NAME, namespace), spec=headless_service(NAME, PORTS), opts=opts)
    after = pulumi.ResourceOptions(depends_on=[account], custom_timeouts=READY_IN)
    return StatefulSet(
        NAME, metadata=own, spec=victoria_logs_set(image), opts=pulumi.ResourceOptions.merge(opts, after)
    )


def victoria_logs_set(image: pulumi.Input[str]) -> StatefulSetSpecArgs:
    """One server. At SIGTERM it writes what it has in memory and stops."""
    reads = checksum(" ".join(store.arguments()))
    return store_set(Store(NAME, USER, victoria_logs_container(image), [], STOP_SECONDS, reads, STORAGE))


def victoria_logs_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server. It answers once its files are open, and has no other notion of being ready."""
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=[f"/{NAME}"],
        args=store.arguments(),
        env=[v1.EnvVarArgs(name="GOMEMLIMIT", value=f"{HEAP_MIB}MiB")],
        ports=container_ports(PORTS),
        startup_probe=http_probe("/health", "http", period=1, failures=120, timeout=5),
        readiness_probe=http_probe("/health", "http", period=5, failures=2, timeout=5),
        liveness_probe=http_probe("/health", "http", period=10, failures=6, timeout=5),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": f"{LIMIT_MIB}Mi"}
        ),
        security_context=restricted_container(),
        volume_mounts=[v1.VolumeMountArgs(name="data", mount_path=store.DATA)],
    )
