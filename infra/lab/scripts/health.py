"""An exhibit that is asked over gRPC: the standard health service, whose answers are files.

Its services are `started`, `ready` and `alive`: each is SERVING while there is a file of that name in the state folder.
While there is a file `hold`, the start does not come to its end. The folder outlives the container.
"""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # no stubs here

STATE = Path(os.environ.get("STATE", "/state"))
PORT = int(os.environ.get("PORT", "9000"))
SERVICES = ("started", "ready", "alive")
LOOK_SECONDS = 0.5


def main() -> None:
    """Serves until it is told to stop."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    for name in SERVICES:
        (STATE / name).unlink(missing_ok=True)
    answers = health.HealthServicer()
    say(answers)
    server = grpc.server(ThreadPoolExecutor(4))
    health_pb2_grpc.add_HealthServicer_to_server(answers, server)
    server.add_insecure_port(f"[::]:{PORT}")
    server.start()
    while (STATE / "hold").exists() and not stopped.wait(LOOK_SECONDS):
        pass
    for name in SERVICES:
        (STATE / name).touch()
    while not stopped.wait(LOOK_SECONDS):
        say(answers)
    server.stop(grace=None)


def say(answers: health.HealthServicer) -> None:
    """Answers for each service from now on as its file says."""
    for name in SERVICES:
        there = (STATE / name).exists()
        status = health_pb2.HealthCheckResponse.SERVING if there else health_pb2.HealthCheckResponse.NOT_SERVING
        answers.set(name, status)


if __name__ == "__main__":
    main()
