"""The two services that a program calls, on the loopback: they keep what they are told and answer the least."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc


@dataclass
class Engine(resource_pb2_grpc.ResourceMonitorServicer, engine_pb2_grpc.EngineServicer):
    """An engine for programs that make no resource but their stack.

    Attributes:
        address: host and port.
        registered: the names of the resources that were registered.
        outputs: the stack's outputs.
        errors: the messages that the user would see as errors.
    """

    address: str = ""
    registered: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802
        """None is needed."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keeps the name."""
        self.registered.append(request.name)
        return resource_pb2.RegisterResourceResponse(urn=f"urn:pulumi:test::test::{request.type}::{request.name}")

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keeps the outputs."""
        self.outputs |= MessageToDict(request.outputs)
        return Empty()

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A program that has ended need not wait."""
        return Empty()

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Keeps errors."""
        if request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        return Empty()


@contextmanager
def serving() -> Iterator[Engine]:
    """An engine that listens while the body runs."""
    engine = Engine()
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(engine, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    engine.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield engine
    server.stop(grace=None).wait()
