"""Chapter 1: the Pod. Several containers that are placed together, share one address and one set of volumes."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.batch.v1 import Job, JobSpecArgs
from pulumi_kubernetes.core import v1

from infra.lab.exhibit import (
    HTTP,
    Room,
    asks,
    container,
    deployment,
    idle,
    metadata,
    pod,
    shared,
    template,
    until_stopped,
)

SHARED = "/shared"


def show(room: Room, opts: pulumi.ResourceOptions) -> None:
    """One pod of four containers, and a Job whose sidecar never ends by itself."""
    Deployment(
        "one-pod",
        metadata=metadata(room, "one-pod", "C1 J2 J8"),
        spec=deployment("one-pod", one_pod(room.toolbox)),
        opts=opts,
    )
    Job("sidecar-ends", metadata=metadata(room, "sidecar-ends", "C1"), spec=sidecar_job(room.toolbox), opts=opts)


def one_pod(image: pulumi.Input[str]) -> v1.PodSpecArgs:
    """An init container, a native sidecar, and two containers that talk over localhost.

    They start in this order: `greeting` runs to its end and leaves a file; `clock` starts and, as its startup probe
    says that it is up, `web` and `client` may. All four see the same folder. `client` reaches `web` at 127.0.0.1,
    because the address belongs to the pod: a container that is started again finds it as it was.
    """
    return pod(
        [
            container(image, "web", until_stopped(f"httpd -f -p {HTTP} -h {SHARED}"), mounts={SHARED: "shared"}),
            container(image, "client", idle(), mounts={SHARED: "shared"}),
        ],
        init_containers=[greeting(image), clock(image)],
        volumes=[shared("shared")],
    )


def greeting(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """An init container: it prepares what the others need, and they start only when it has ended well."""
    command = ["sh", "-ec", f'echo "prepared for $(hostname)" > {SHARED}/index.html']
    return container(image, "greeting", command, mounts={SHARED: "shared"})


def clock(image: pulumi.Input[str]) -> v1.ContainerArgs:
    """A native sidecar: an init container that is always restarted.

    It is up before the others start, outlives them when the pod stops, and does not keep a Job from its end. A second
    ordinary container can do none of the three.
    """
    tick = f"while :; do date +%s > {SHARED}/.now; mv {SHARED}/.now {SHARED}/now; sleep 1; done"
    return container(
        image,
        "clock",
        until_stopped(tick),
        mounts={SHARED: "shared"},
        restart_policy="Always",
        startup_probe=asks(["test", "-s", f"{SHARED}/now"], period=1, failures=60),
    )


def sidecar_job(image: pulumi.Input[str]) -> JobSpecArgs:
    """A Job that is complete when its work is, though its sidecar would run for ever."""
    work = container(image, "work", ["sh", "-ec", f"test -s {SHARED}/now && echo done"], mounts={SHARED: "shared"})
    spec = pod([work], init_containers=[clock(image)], volumes=[shared("shared")], restart_policy="Never")
    return JobSpecArgs(backoff_limit=2, template=template("sidecar-ends", spec))
