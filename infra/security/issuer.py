"""The stack's own OIDC issuer in the cluster: its program, keys, clients, certificate and fixed address."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    RollingUpdateDeploymentArgs,
)
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from infra.data.store import container_ports, secret_volume
from infra.lib.authority import Authority
from infra.lib.labels import labels, selector
from infra.lib.leaf import Leaf
from infra.lib.security import restricted_container, restricted_pod
from infra.lib.signing_keys import SigningKeys
from policies.personas import PERSONAS, Way
from policies.personas.subjects import token_group
from toolchain.control_plane.configuration import AUDIENCE, ISSUER_ADDRESS, ISSUER_HOST, ISSUER_URL

NAME = "issuer"
USER = 10001
REPLICAS = 2
PORTS = {"https": 8443, "metrics": 9100}
SERVICE_PORTS = {"https": 443, "metrics": 9100}
KEY_GENERATION = 1
"""A higher number makes a new signing key; the one before stays published until the number after that."""
TOKEN_SECONDS = 300
FILES, TLS = "/run/secrets/issuer", "/run/secrets/tls"
TLS_SECRET = "issuer-tls"  # noqa: S105 - a name
STOP_SECONDS = 25
"""Longer than the service needs: 3 s until everybody knows, then up to 15 s for what is in flight."""
CLIENTS = tuple(persona for persona in PERSONAS if Way.OIDC in persona.ways)


@dataclass(frozen=True)
class IssuerArgs:
    """What decides the issuer.

    Attributes:
        namespace: where it runs.
        image: its image by digest.
        authority: whoever signs its certificate; the API server trusts it.
        secrets: the secret of each client, by its id.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    authority: Authority
    secrets: Mapping[str, pulumi.Output[str]]


class Issuer(pulumi.ComponentResource):
    """Two issuers that sign with the same keys, behind the address that the API server knows."""

    def __init__(self, name: str, args: IssuerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blueprint:security:Issuer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        keys = SigningKeys(f"{name}-keys", KEY_GENERATION, child).keys
        leaf = Leaf(
            f"{name}-certificate", args.authority, [ISSUER_HOST, f"{ISSUER_HOST}.cluster.local", ISSUER_ADDRESS], child
        )
        clients = pulumi.Output.all(**args.secrets).apply(clients_file)
        own = _metadata(NAME, args.namespace)
        files = v1.Secret(name, metadata=own, string_data={"keys.json": keys, "clients.json": clients}, opts=child)
        certificate = v1.Secret(
            TLS_SECRET,
            metadata=_metadata(TLS_SECRET, args.namespace),
            type="kubernetes.io/tls",
            string_data={"tls.crt": leaf.certificate, "tls.key": leaf.key},
            opts=child,
        )
        account = v1.ServiceAccount(name, metadata=own, automount_service_account_token=False, opts=child)
        v1.Service(
            name,
            metadata=_metadata(NAME, args.namespace, {"pulumi.com/skipAwait": "true"}),
            spec=issuer_service(),
            opts=child,
        )
        PodDisruptionBudget(
            name,
            metadata=own,
            spec=PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=LabelSelectorArgs(match_labels=selector(NAME))
            ),
            opts=child,
        )
        Deployment(
            name,
            metadata=own,
            spec=issuer_deployment(args.image),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[files, certificate, account]),
        )
        self.register_outputs({})


def _metadata(
    name: str, namespace: pulumi.Input[str], annotations: Mapping[str, pulumi.Input[str]] | None = None
) -> ObjectMetaArgs:
    return ObjectMetaArgs(
        name=name, namespace=namespace, labels=labels(NAME, "service", version("blueprint")), annotations=annotations
    )


def clients_file(secrets: Mapping[str, str]) -> str:
    """The clients as the issuer knows them: by the SHA-256 of their secrets, with their groups."""
    clients = {
        client: {"secret_sha256": hashlib.sha256(secret.encode()).hexdigest(), "groups": [token_group(client)]}
        for client, secret in secrets.items()
    }
    return json.dumps(clients, sort_keys=True)


def issuer_service() -> v1.ServiceSpecArgs:
    """Its address is fixed: the API server reaches it without the cluster's DNS."""
    return v1.ServiceSpecArgs(
        cluster_ip=ISSUER_ADDRESS,
        selector=selector(NAME),
        ports=[v1.ServicePortArgs(name=port, port=number, target_port=port) for port, number in SERVICE_PORTS.items()],
    )


def issuer_deployment(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """On two nodes where there are two; what its files say is taken up without a restart."""
    spread = v1.TopologySpreadConstraintArgs(
        max_skew=1,
        topology_key="kubernetes.io/hostname",
        when_unsatisfiable="ScheduleAnyway",
        label_selector=LabelSelectorArgs(match_labels=selector(NAME)),
    )
    return DeploymentSpecArgs(
        replicas=REPLICAS,
        selector=LabelSelectorArgs(match_labels=selector(NAME)),
        strategy=DeploymentStrategyArgs(
            rolling_update=RollingUpdateDeploymentArgs(max_unavailable=0, max_surge=1), type="RollingUpdate"
        ),
        template=v1.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(NAME, "service", version("blueprint"))),
            spec=v1.PodSpecArgs(
                service_account_name=NAME,
                automount_service_account_token=False,
                enable_service_links=False,
                security_context=restricted_pod(USER),
                termination_grace_period_seconds=STOP_SECONDS,
                topology_spread_constraints=[spread],
                containers=[issuer_container(image)],
                volumes=[secret_volume("files", NAME), secret_volume("tls", TLS_SECRET)],
            ),
        ),
    )


def issuer_container(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """The service's program; the kubelet asks its probes by HTTPS and does not look at the certificate."""
    settings = {
        "SERVICE_VERSION": version("blueprint"),
        "HTTP_PORT": str(PORTS["https"]),
        "METRICS_PORT": str(PORTS["metrics"]),
        "TLS_FOLDER": TLS,
        "ISSUER_URL": ISSUER_URL,
        "ISSUER_AUDIENCE": AUDIENCE,
        "TOKEN_SECONDS": str(TOKEN_SECONDS),
        "KEYS_FILE": f"{FILES}/keys.json",
        "CLIENTS_FILE": f"{FILES}/clients.json",
    }
    return v1.ContainerArgs(
        name=NAME,
        image=image,
        env=[v1.EnvVarArgs(name=key, value=value) for key, value in settings.items()],
        ports=container_ports(PORTS),
        startup_probe=_probe("/startupz", period=1, failures=60),
        readiness_probe=_probe("/readyz", period=5, failures=2),
        liveness_probe=_probe("/livez", period=10, failures=3),
        resources=v1.ResourceRequirementsArgs(requests={"cpu": "20m", "memory": "64Mi"}, limits={"memory": "160Mi"}),
        security_context=restricted_container(),
        volume_mounts=[
            v1.VolumeMountArgs(name="files", mount_path=FILES, read_only=True),
            v1.VolumeMountArgs(name="tls", mount_path=TLS, read_only=True),
        ],
    )


def _probe(path: str, period: int, failures: int) -> v1.ProbeArgs:
    return v1.ProbeArgs(
        http_get=v1.HTTPGetActionArgs(path=path, port="https", scheme="HTTPS"),
        period_seconds=period,
        timeout_seconds=3,
        failure_threshold=failures,
    )
