"""Chapter 9: the twelve probes. Startup, liveness and readiness, each by a command, over HTTP, TCP and gRPC.

- The startup probe comes first and alone: until it succeeds once, the other two are not asked, so a slow start is not
  taken for a dead process. When it uses up its failures, the container is restarted.
- The liveness probe asks whether the process still works. When it fails, the container is restarted, in the same pod.
  It asks nothing of others: a database that is down must not restart everything that uses it.
- The readiness probe asks whether the pod can take requests now. When it fails, the pod leaves its Services and
  returns when it succeeds; nothing is restarted.

Each exhibit can be made to fail from outside: `kubectl exec -n lab deployment/probed-by-http -- rm /state/ready`.
"""

from pathlib import Path

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core import v1

from infra.lab.exhibit import Room, container, deployment, metadata, pod, shared
from infra.lib.labels import selector

SCRIPTS = Path(__file__).parent / "scripts"
SCRIPTS_FOLDER = "/etc/lab"
SCRIPTS_NAME = "probe-scripts"
STATE = "/state"
GRPC_PORT = 9000
TCP_PORTS = {"started": 8081, "ready": 8082, "alive": 8083}
CONCEPTS = {"command": "F1 F4", "http": "F2 F5", "tcp": "F3 F6", "grpc": "F3 F6"}


def show(room: Room, python: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """One pod and one Service for each way to ask; `python` is an image that has gRPC's health service."""
    files = {name: (SCRIPTS / name).read_text() for name in ("answer.sh", "health.py")}
    about = metadata(room, SCRIPTS_NAME, "F1 F2 F3 F4 F5 F6")
    scripts = v1.ConfigMap(SCRIPTS_NAME, metadata=about, data=files, opts=opts)
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[scripts]))
    for how, concepts in CONCEPTS.items():
        name = f"probed-by-{how}"
        spec = deployment(name, probed(how, python if how == "grpc" else room.toolbox))
        Deployment(name, metadata=metadata(room, name, concepts), spec=spec, opts=after)
        about = metadata(room, name, concepts, awaited=False)
        v1.Service(name, metadata=about, spec=probed_service(name), opts=opts)


def probed(how: str, image: pulumi.Input[str]) -> v1.PodSpecArgs:
    """A pod that is asked three questions in this way; each is about a file in its state folder.

    At rest it is asked rarely: a probe by command starts a process in the container each time, which is the dearest.
    """
    if how == "grpc":
        command, memory, limit = ["/opt/venv/bin/python", f"{SCRIPTS_FOLDER}/health.py"], "32Mi", "96Mi"
    else:
        command, memory, limit = ["sh", f"{SCRIPTS_FOLDER}/answer.sh", how], "4Mi", "32Mi"
    main = container(
        image,
        "probed",
        command,
        mounts={STATE: "state", SCRIPTS_FOLDER: "scripts"},
        memory=memory,
        memory_limit=limit,
        startup_probe=probe(how, "started", period=1, failures=60),
        readiness_probe=probe(how, "ready", period=5, failures=2),
        liveness_probe=probe(how, "alive", period=10, failures=3),
    )
    scripts = v1.VolumeArgs(name="scripts", config_map=v1.ConfigMapVolumeSourceArgs(name=SCRIPTS_NAME))
    return pod([main], volumes=[shared("state"), scripts])


def probe(how: str, question: str, *, period: int, failures: int) -> v1.ProbeArgs:
    """One probe: `how` is command, http, tcp or grpc, the question started, ready or alive.

    By command, success is exit code 0; over HTTP a status from 200 to 399; over TCP that the port takes the connection;
    over gRPC that the service of that name is SERVING.
    """
    found = v1.ProbeArgs(period_seconds=period, failure_threshold=failures, timeout_seconds=5)
    match how:
        case "command":
            found.exec_ = v1.ExecActionArgs(command=["test", "-e", f"{STATE}/{question}"])
        case "http":
            found.http_get = v1.HTTPGetActionArgs(path=f"/{question}", port=8080)
        case "tcp":
            found.tcp_socket = v1.TCPSocketActionArgs(port=TCP_PORTS[question])
        case "grpc":
            found.grpc = v1.GRPCActionArgs(port=GRPC_PORT, service=question)
    return found


def probed_service(name: str) -> v1.ServiceSpecArgs:
    """What the pod leaves while it is not ready. It leads to a port, but only its list of endpoints is looked at."""
    return v1.ServiceSpecArgs(
        selector=selector(name), ports=[v1.ServicePortArgs(name="http", port=80, target_port=8080)]
    )
