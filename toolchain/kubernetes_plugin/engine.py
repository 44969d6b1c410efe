"""The engine's log. Owns the way back to the user: lasting messages and the passing status line of a resource."""

import sys
import threading
from collections.abc import Callable

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

_SECONDS = 5.0


class Engine:
    """The engine that started this plugin; without an address, messages go nowhere (the plugin was started by hand)."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def info(self, urn: str, message: str) -> None:
        """A message that stays in the update's output."""
        self._send(engine_pb2.INFO, urn, message, ephemeral=False)

    def warn(self, urn: str, message: str) -> None:
        """A warning that stays in the update's output."""
        self._send(engine_pb2.WARNING, urn, message, ephemeral=False)

    def status(self, urn: str, message: str) -> None:
        """What the resource does at the moment; the same text is sent once."""
        with self._lock:
            if self._last.get(urn) == message:
                return
            self._last[urn] = message
        self._send(engine_pb2.INFO, urn, message, ephemeral=True)

    def reporter(self, urn: str) -> Callable[[str], None]:
        """A function that shows a status line for one resource."""
        return lambda message: self.status(urn, message)

    def _send(self, severity: engine_pb2.LogSeverity.ValueType, urn: str, message: str, ephemeral: bool) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, urn=urn, message=message, ephemeral=ephemeral)
        try:
            answer: empty_pb2.Empty = self._stub.Log(request, timeout=_SECONDS)
            del answer
        except grpc.RpcError as error:
            sys.stderr.write(f"the engine took no message ({error}): {message}\n")
