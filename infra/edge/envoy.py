"""Envoy: every request from outside ends its TLS here. It learns all that it does from Contour."""

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy import v1 as policy

from infra.edge.contour import ENVOY_METRICS, XDS
from infra.edge.parts import CERTIFICATES, READY_IN, USER, certificate_volume, metadata
from infra.lib.labels import labels, selector
from infra.lib.security import restricted_container, restricted_pod

NAME = "envoy"
PORTS = {"http": 8080, "https": 8443, "metrics": ENVOY_METRICS}
PUBLIC = {"http": 80, "https": 443}
RUN = "/run/envoy"
ADMIN = f"{RUN}/admin.sock"
BOOTSTRAP = f"{RUN}/bootstrap.json"
LIMIT_MIB = 192
HEAP_MIB = 144
"""Near this Envoy takes no more connections, so that the kernel does not have to end it."""
DRAIN_SECONDS = 5
"""How long every node may take to hear that a pod is going."""
STOP_SECONDS = 75
"""Longer than a connection may be idle."""


def envoy(
    namespace: pulumi.Output[str],
    image: pulumi.Input[str],
    address: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Two Envoys behind one address of the load balancer."""
    own = metadata(NAME, namespace)
    account = v1.ServiceAccount(NAME, metadata=own, automount_service_account_token=False, opts=opts)
    v1.Service(
        NAME,
        metadata=metadata(NAME, namespace, {"pulumi.com/skipAwait": "true", "lbipam.cilium.io/ips": address}),
        spec=service(),
        opts=opts,
    )
    policy.PodDisruptionBudget(NAME, metadata=own, spec=budget(), opts=opts)
    after = pulumi.ResourceOptions(depends_on=[account], custom_timeouts=READY_IN)
    Deployment(NAME, metadata=own, spec=deployment(namespace, image), opts=pulumi.ResourceOptions.merge(opts, after))


def service() -> v1.ServiceSpecArgs:
    """The way in. Its metrics are not for the outside."""
    return v1.ServiceSpecArgs(
        type="LoadBalancer",
        allocate_load_balancer_node_ports=False,
        selector=selector(NAME),
        ports=[v1.ServicePortArgs(name=name, port=port, target_port=name) for name, port in PUBLIC.items()],
    )


def budget() -> policy.PodDisruptionBudgetSpecArgs:
    """One of the two may be taken away at a time."""
    return policy.PodDisruptionBudgetSpecArgs(
        max_unavailable=1,
        unhealthy_pod_eviction_policy="AlwaysAllow",
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
    )


def deployment(namespace: pulumi.Input[str], image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """Two pods on two nodes; a new one is ready before an old one goes."""
    return DeploymentSpecArgs(
        replicas=2,
        revision_history_limit=3,
        strategy=DeploymentStrategyArgs(
            type="RollingUpdate", rolling_update=RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1)
        ),
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "routing")),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=STOP_SECONDS,
                topology_spread_constraints=[
                    v1.TopologySpreadConstraintArgs(
                        max_skew=1,
                        topology_key="kubernetes.io/hostname",
                        when_unsatisfiable="ScheduleAnyway",
                        label_selector=LabelSelectorArgs(match_labels=selector(NAME)),
                        match_label_keys=["pod-template-hash"],
                    )
                ],
                init_containers=[bootstrap(namespace, image)],
                containers=[container(namespace, image)],
                volumes=[
                    certificate_volume("envoy-xds"),
                    v1.VolumeArgs(name="run", empty_dir=v1.EmptyDirVolumeSourceArgs(size_limit="16Mi")),
                ],
            ),
        ),
    )


def bootstrap(namespace: pulumi.Input[str], image: pulumi.Input[str]) -> v1.ContainerArgs:
    """Contour's program writes what Envoy must know before it can ask Contour for the rest."""
    return v1.ContainerArgs(
        name="bootstrap",
        image=image,
        command=["contour", "bootstrap", BOOTSTRAP],
        args=[
            *(f"--admin-address={ADMIN}", f"--resources-dir={RUN}/resources"),
            *("--xds-address=contour", f"--xds-port={XDS}", "--xds-resource-version=v3"),
            pulumi.Output.concat("--namespace=", namespace),
            f"--envoy-cafile={CERTIFICATES}/ca.crt",
            f"--envoy-cert-file={CERTIFICATES}/tls.crt",
            f"--envoy-key-file={CERTIFICATES}/tls.key",
            f"--overload-max-heap={HEAP_MIB * 2**20}",
        ],
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"}, limits={"memory": "64Mi"}),
        security_context=restricted_container(),
        volume_mounts=_mounts(),
    )


def container(namespace: pulumi.Input[str], image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The proxy.

    Before it stops, Contour's program has it ask its clients to come again by another connection, lets every node
    hear that it goes, and waits until nobody is connected. Its administration listens on a socket in its own files,
    and lets others read figures alone.
    """
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        command=["envoy", "--config-path", BOOTSTRAP],
        args=[
            *("--service-cluster", namespace, "--service-node", "$(POD_NAME)"),
            *("--log-level", "warning", "--concurrency", "2", "--disable-hot-restart"),
        ],
        env=[
            v1.EnvVarArgs(
                name="POD_NAME",
                value_from=v1.EnvVarSourceArgs(field_ref=v1.ObjectFieldSelectorArgs(field_path="metadata.name")),
            )
        ],
        ports=[v1.ContainerPortArgs(name=name, container_port=port) for name, port in PORTS.items()],
        startup_probe=_asks("/ready", period=1, failures=120),
        readiness_probe=_asks("/ready", period=5, failures=2),
        liveness_probe=_asks("/stats?filter=server.live", period=10, failures=3),
        lifecycle=v1.LifecycleArgs(pre_stop=v1.LifecycleHandlerArgs(exec_=v1.ExecActionArgs(command=drain_command()))),
        resources=v1.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": f"{LIMIT_MIB}Mi"}
        ),
        security_context=restricted_container(),
        volume_mounts=_mounts(),
    )


def drain_command() -> list[str]:
    """What the kubelet runs before it stops Envoy."""
    delays = [f"--check-delay={DRAIN_SECONDS}s", "--check-interval=1s"]
    return ["contour", "envoy", "shutdown", f"--admin-address={ADMIN}", f"--ready-file={RUN}/drained", *delays]


def _asks(path: str, period: int, failures: int) -> v1.ProbeArgs:
    return v1.ProbeArgs(
        http_get=v1.HTTPGetActionArgs(path=path, port="metrics"),
        period_seconds=period,
        timeout_seconds=3,
        failure_threshold=failures,
    )


def _mounts() -> list[v1.VolumeMountArgs]:
    return [
        v1.VolumeMountArgs(name="certificate", mount_path=CERTIFICATES, read_only=True),
        v1.VolumeMountArgs(name="run", mount_path=RUN),
    ]
