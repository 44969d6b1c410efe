"""What Contour and Envoy have in common: their user, and how each shows the other its certificate."""

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.lib.authority import Authority
from infra.lib.labels import labels
from infra.lib.leaf import Leaf

USER = 65532
CERTIFICATES = "/run/secrets/certificate"
READY_IN = pulumi.CustomTimeouts(create="5m", update="5m")


def metadata(
    name: str, namespace: pulumi.Input[str], annotations: dict[str, pulumi.Input[str]] | None = None
) -> ObjectMetaArgs:
    """The metadata that all objects of edge routing share."""
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name, "routing"), annotations=annotations)


def certificate_secret(
    name: str, namespace: pulumi.Input[str], authority: Authority, hosts: list[str], opts: pulumi.ResourceOptions
) -> v1.Secret:
    """A certificate for the hosts, its key and its authority's certificate, as a Secret of Kubernetes' own type."""
    leaf = Leaf(name, authority, hosts, opts)
    return v1.Secret(
        name,
        metadata=metadata(name, namespace),
        type="kubernetes.io/tls",
        string_data={"tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": authority.certificate},
        opts=opts,
    )


def certificate_volume(secret: str) -> v1.VolumeArgs:
    """Such a Secret as files that the pod's group alone reads. Both programs read them again when they change."""
    return v1.VolumeArgs(name="certificate", secret=v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440))


def tcp_probe(port: str, period: int, failures: int) -> v1.ProbeArgs:
    """Asks whether the port is open."""
    return v1.ProbeArgs(
        tcp_socket=v1.TCPSocketActionArgs(port=port),
        period_seconds=period,
        timeout_seconds=3,
        failure_threshold=failures,
    )
