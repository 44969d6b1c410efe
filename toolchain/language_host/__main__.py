"""Starts the host: prints the port on which it serves, and serves until the engine ends it."""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
from pulumi.runtime.proto import language_pb2_grpc

from toolchain.language_host.server import LanguageHost

MAX_MESSAGE_BYTES = 400 * 1024 * 1024
THREADS = 16


def main(arguments: list[str]) -> None:
    """Serves on a free port of the loopback. The engine's address is the last argument; flags are not needed."""
    engine = next((argument for argument in reversed(arguments) if not argument.startswith("-")), "")
    limits = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=THREADS), options=limits)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())  # how the engine asks its plugins to end
    print(port, flush=True)
    ended.wait()
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main(sys.argv[1:])
