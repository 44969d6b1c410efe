"""The gRPC health service (grpc.health.v1), which answers from the service's probes on a port of its own.

Needs grpcio and grpcio-health-checking, which only payments has: nothing else of the kit imports this module.
The protocol: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer, add_HealthServicer_to_server
from pydantic import IPvAnyAddress

from blueprint_kit.logs import logger
from blueprint_kit.probes import Probes, Result, failed
from blueprint_kit.settings import Refusal, SettingsError

WATCH_SECONDS = 0.5  # between two looks at the state that somebody watches
GRACE_SECONDS = 0.5  # for calls in flight when the port closes; a watcher would stay for ever

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN

log = logger(__name__)


class ProbesServicer(HealthServicer):  # type: ignore[misc]  # it has no types
    """The services `liveness`, `readiness` and `startup`; the empty name, the server as a whole, is readiness."""

    def __init__(self, probes: Probes) -> None:
        self._services: dict[str, Callable[[], Awaitable[list[Result]]]] = {
            "": probes.ready,
            "liveness": probes.live,
            "readiness": probes.ready,
            "startup": probes.start,
        }

    async def Check(self, request: HealthCheckRequest, context: Any) -> HealthCheckResponse:  # noqa: N802 - the protocol's name
        """The state of one service. NOT_FOUND for another name."""
        status = await self._status(request.service)
        if status == SERVICE_UNKNOWN:
            known = ", ".join(repr(name) for name in self._services)
            await context.abort(
                grpc.StatusCode.NOT_FOUND, f"there is no service {request.service!r}; there are {known}"
            )
        return HealthCheckResponse(status=status)

    async def List(self, _request: HealthListRequest, _context: Any) -> HealthListResponse:  # noqa: N802 - likewise
        """The states of all services."""
        statuses = {name: HealthCheckResponse(status=await self._status(name)) for name in self._services}
        return HealthListResponse(statuses=statuses)

    async def Watch(  # noqa: N802 - likewise
        self, request: HealthCheckRequest, _context: Any
    ) -> AsyncIterator[HealthCheckResponse]:
        """The state of one service now, and each time that it has changed."""
        last = None
        while True:
            status = await self._status(request.service)
            if status != last:
                yield HealthCheckResponse(status=status)
            last = status
            await asyncio.sleep(WATCH_SECONDS)

    async def _status(self, service: str) -> HealthCheckResponse.ServingStatus:
        ask = self._services.get(service)
        if ask is None:
            return SERVICE_UNKNOWN
        return NOT_SERVING if failed(await ask()) else SERVING


@contextlib.asynccontextmanager
async def health_server(probes: Probes, host: IPvAnyAddress, port: int) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port, a free one for 0. Raises SettingsError for a port that is taken.

    In the service's lifespan it outlasts draining and the requests in flight: until then it says NOT_SERVING.
    """
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])  # else a second server would share a taken port
    add_HealthServicer_to_server(ProbesServicer(probes), server)
    bound = _bind(server, host, port)
    await server.start()
    log.info("serving health", grpc_port=bound)
    try:
        yield bound
    finally:
        await server.stop(GRACE_SECONDS)


def _bind(server: grpc.aio.Server, host: IPvAnyAddress, port: int) -> int:
    address = f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        rule = f"the port must be free on {host}"
        raise SettingsError([Refusal(f"GRPC_PORT={port}", rule, "stop what uses it or set GRPC_PORT")]) from error
