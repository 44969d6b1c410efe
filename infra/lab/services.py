"""Chapter 4: the kinds of Service that the shop does not need. One pair of pods stands behind all of them."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs
from pulumi_kubernetes.core import v1

from infra.lab.exhibit import HTTP, SCRATCH, Room, container, deployment, metadata, pod, until_stopped
from infra.lib.labels import selector

NAME = "echo"
ADMIN = 8081
SERVING = {"blueprint/serving": "true"}
"""What a pod must carry to be served to. The Deployment does not select by it, so a pod can be taken out of its
Services, to be looked at, without being replaced."""
ALIAS_TARGET = "echo.lab.svc.cluster.local"


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """The pods, and four Services; three of them lead to the same pods, the fourth is another name for the first."""
    Deployment(NAME, metadata=metadata(room, NAME, "C6 C7"), spec=echo(room.toolbox), opts=opts)
    for name, concepts, spec in (
        (NAME, "C2 C6", two_ports()),
        ("echo-sticky", "C6", sticky()),
        ("echo-headless", "C6 B7", headless()),
        ("echo-alias", "C5", alias()),
    ):
        v1.Service(name, metadata=metadata(room, name, concepts, awaited=False), spec=spec, opts=opts)


def echo(image: pulumi.Input[str]) -> DeploymentSpecArgs:
    """Two pods that say their name on one port, and on another one that it is the administrator's."""
    web, admin = f"{SCRATCH}/web", f"{SCRATCH}/admin"
    command = until_stopped(
        f"mkdir -p {web} {admin}",
        f"hostname > {web}/index.html",
        f'echo "admin of $(hostname)" > {admin}/index.html',
        f"httpd -p {ADMIN} -h {admin}",
        f"httpd -f -p {HTTP} -h {web}",
    )
    ports = [
        v1.ContainerPortArgs(name="http", container_port=HTTP),
        v1.ContainerPortArgs(name="admin", container_port=ADMIN),
    ]
    ready = v1.ProbeArgs(http_get=v1.HTTPGetActionArgs(path="/", port="http"), period_seconds=5)
    spec = pod([container(image, NAME, command, ports=ports, readiness_probe=ready)])
    return deployment(NAME, spec, replicas=2, more=SERVING)


def two_ports() -> v1.ServiceSpecArgs:
    """Several ports under one name and address. With more than one, each port must be named.

    A target is named too: which number it has is the pod's own affair, and may differ from version to version.
    """
    return v1.ServiceSpecArgs(
        selector=selector(NAME) | SERVING,
        ports=[_http(), v1.ServicePortArgs(name="admin", port=81, target_port="admin")],
    )


def sticky() -> v1.ServiceSpecArgs:
    """All connections of one client address go to the same pod, until it was silent for an hour.

    It is the client's address that counts, so everybody behind one proxy shares a pod. State that may not be lost
    belongs into a store instead.
    """
    return v1.ServiceSpecArgs(
        selector=selector(NAME) | SERVING,
        session_affinity="ClientIP",
        session_affinity_config=v1.SessionAffinityConfigArgs(client_ip=v1.ClientIPConfigArgs(timeout_seconds=3600)),
        ports=[_http()],
    )


def headless() -> v1.ServiceSpecArgs:
    """No address of its own: its name lists the addresses of the pods, and the client chooses.

    What StatefulSets and clients that balance by themselves (gRPC, database drivers) ask for.
    """
    return v1.ServiceSpecArgs(cluster_ip="None", selector=selector(NAME) | SERVING, ports=[_http()])


def alias() -> v1.ServiceSpecArgs:
    """No address and no pods: DNS answers with another name (CNAME).

    A name of one's own for what lies elsewhere, such as a managed database: when it moves, the clients need not know.
    The name that the client said stays in its request, so HTTP's Host header and TLS certificates must allow it.
    """
    return v1.ServiceSpecArgs(type="ExternalName", external_name=ALIAS_TARGET)


def _http() -> v1.ServicePortArgs:
    return v1.ServicePortArgs(name="http", port=80, target_port="http")
