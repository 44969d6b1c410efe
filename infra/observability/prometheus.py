"""Prometheus: the server, its claim, its configuration, and what it may read in the cluster.

What it scrapes is decided in monitoring/scraping; what it makes of that, in monitoring/rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac import v1 as rbac

from infra.data.store import READY_IN, container_ports, data_claim, headless_service
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod
from infra.observability.reading import account_mount, account_volume, http_probe, metadata, reader
from monitoring import scraping
from monitoring.scraping.model import TARGETS, Needs

NAME = "prometheus"
PORTS = {"http": 9090}
URL = f"http://{NAME}.observability:{PORTS['http']}"
USER = 65532
DATA, CONFIGURATION = "/var/lib/prometheus", "/etc/prometheus/config"
RULES = Path(__file__).resolve().parents[2] / "monitoring" / "rules"
FILE = "prometheus.yml"
STOP_SECONDS = 60
FLUSH_SECONDS = 20
"""How long it may take at its end to send what waits for the other store."""
STORAGE_GIB = 2
KEPT_DAYS, KEPT_MIB = 4, 1500
"""The slowest burn-rate alert looks back three days. The oldest blocks go when either is reached; the write-ahead log,
of two to three hours, comes on top of the size."""
LIMIT_MIB = 384
WATCH = """\
seen=
while :; do
  now=$(readlink /etc/prometheus/config/..data && readlink /etc/prometheus/rules/..data)
  if [ -n "$seen" ] && [ "$now" != "$seen" ]; then
    echo '{"level":"info","event":"configuration changed"}'
    killall -HUP prometheus
    sleep 5
    wget -q -T 5 -O - http://127.0.0.1:9090/metrics | grep '^prometheus_config_last_reload_successful'
  fi
  seen=$now
  sleep 5
done
"""
"""The kubelet puts a changed ConfigMap in place by one symbolic link, so one look at the links is enough. What
Prometheus makes of it is in its log and in `prometheus_config_last_reload_successful`: what is wrong, it refuses."""


@dataclass(frozen=True)
class PrometheusArgs:
    """What decides the server.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        toolbox: the image with a shell, which has it read changed files.
        cluster: the cluster's name, which everything that leaves carries.
        has: what the cluster is, which decides which jobs there are.
        rules: the rules' files by their names.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    toolbox: pulumi.Input[str]
    cluster: str
    has: tuple[Needs, ...]
    rules: Mapping[str, str]


class Prometheus(pulumi.ComponentResource):
    """One Prometheus whose samples outlive its pod, and go to a store beside it as well."""

    def __init__(self, name: str, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:observability:Prometheus", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        own = metadata(NAME, args.namespace)
        setting = scraping.Setting(args.cluster, scraping.jobs(*args.has))
        files = {
            "config": {FILE: scraping.configuration(setting)},
            "rules": args.rules,
            "targets": scraping.target_files(edge=Needs.OWN_NETWORK in args.has),
        }
        needed: list[pulumi.Resource] = [
            v1.ConfigMap(
                f"{name}-{part}", metadata=metadata(NAME, args.namespace, f"{NAME}-{part}"), data=data, opts=child
            )
            for part, data in files.items()
        ]
        needed += reader(NAME, args.namespace, rules(), child)
        v1.Service(
            name,
            metadata=metadata(NAME, args.namespace, annotations={"pulumi.com/skipAwait": "true"}),
            spec=headless_service(NAME, PORTS),
            opts=child,
        )
        waiting = pulumi.ResourceOptions(parent=self, depends_on=needed, custom_timeouts=READY_IN)
        StatefulSet(name, metadata=own, spec=prometheus_set(args), opts=waiting)
        self.register_outputs({})


def rule_files(folder: Path = RULES) -> dict[str, str]:
    """The rules' files by their names; their tests lie below and stay out."""
    return {file.name: file.read_text() for file in sorted(folder.glob("*.yaml"))}


def rules() -> list[rbac.PolicyRuleArgs]:
    """The right to find targets everywhere, and to read metrics of kubelets (`nodes/metrics`) and the control plane.

    Not `nodes/proxy`, which some charts give: whoever has it may run commands in every pod.
    Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
    """
    read = ["get", "list", "watch"]
    return [
        rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes", "pods", "services"], verbs=read),
        rbac.PolicyRuleArgs(api_groups=["discovery.k8s.io"], resources=["endpointslices"], verbs=read),
        rbac.PolicyRuleArgs(api_groups=[""], resources=["nodes/metrics"], verbs=["get"]),
        rbac.PolicyRuleArgs(non_resource_urls=["/metrics"], verbs=["get"]),
    ]


def prometheus_set(args: PrometheusArgs) -> StatefulSetSpecArgs:
    """One replica with its claim. Changed files are read while it runs, so they do not change its pod.

    The processes of its pod see each other: that is how the shell beside it sends the signal on which Prometheus reads
    its files. The other way, `--web.enable-lifecycle`, would let whoever reaches its port end it.
    """
    return StatefulSetSpecArgs(
        service_name=NAME,
        replicas=1,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "metrics")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                enable_service_links=False,
                share_process_namespace=True,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=STOP_SECONDS,
                init_containers=[reloader(args.toolbox)],
                containers=[server(args.image)],
                volumes=[account_volume(), *(_config_volume(part) for part in ("config", "rules", "targets"))],
            ),
        ),
        volume_claim_templates=[data_claim(f"{STORAGE_GIB}Gi")],
    )


def server(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The server. It is ready when it has read its write-ahead log again."""
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=["/usr/bin/prometheus"],
        args=[
            f"--config.file={CONFIGURATION}/{FILE}",
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={KEPT_DAYS}d",
            f"--storage.tsdb.retention.size={KEPT_MIB}MB",
            f"--storage.remote.flush-deadline={FLUSH_SECONDS}s",
            f"--web.external-url={URL}/",
            "--web.max-connections=64",
            *("--query.timeout=20s", "--query.max-samples=5000000", "--query.max-concurrency=8"),
            "--enable-feature=extra-scrape-metrics",
            "--log.format=json",
        ],
        env=[v1.EnvVarArgs(name="GOMEMLIMIT", value=f"{LIMIT_MIB * 8 // 10}MiB")],
        ports=container_ports(PORTS),
        startup_probe=http_probe("/-/ready", "http", period=2, failures=150),
        readiness_probe=http_probe("/-/ready", "http", period=5, failures=3),
        liveness_probe=http_probe("/-/healthy", "http", period=10, failures=6),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "100m", "memory": "224Mi"}, limits={"memory": f"{LIMIT_MIB}Mi"}
        ),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="data", mount_path=DATA),
            account_mount(),
            *_config_mounts(targets=True),
        ],
    )


def reloader(toolbox: pulumi.Input[str]) -> v1.ContainerArgs:
    """A native sidecar: started before the server, ended after it. It has no token and none of the server's data."""
    return v1.ContainerArgs(
        name="reloader",
        image=toolbox,
        command=["sh", "-c", WATCH],
        restart_policy="Always",
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "5m", "memory": "4Mi"}, limits={"memory": "16Mi"}),
        security_context=restricted_container(),
        volume_mounts=_config_mounts(targets=False),
    )


def _config_volume(part: str) -> v1.VolumeArgs:
    return v1.VolumeArgs(name=part, config_map=v1.ConfigMapVolumeSourceArgs(name=f"{NAME}-{part}"))


def _config_mounts(*, targets: bool) -> list[v1.VolumeMountArgs]:
    paths = {"config": CONFIGURATION, "rules": scraping.RULES} | ({"targets": TARGETS} if targets else {})
    return [v1.VolumeMountArgs(name=part, mount_path=path, read_only=True) for part, path in paths.items()]
