"""The web service's program: wiring only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from app.assets import asset_routes, load_assets
from app.cached import Cached
from app.edges import parse_edges
from app.kubernetes import Kubernetes
from app.prometheus import Prometheus
from app.routes import router
from app.settings import WebSettings
from app.status import Status
from app.status import router as status_router
from app.topology import Topology, assemble
from blueprint_kit.app import create_app
from blueprint_kit.reloading import ReloadedFile
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings

CACHE_SECONDS = 1.0


def create(settings: WebSettings) -> FastAPI:
    """The application. Raises SettingsError for edges and graphs that are refused."""
    edges = ReloadedFile(settings.topology_file, parse_edges)
    kubernetes = Kubernetes(settings)

    async def read_topology() -> Topology:
        pods = await kubernetes.pods(settings.topology_namespaces)
        return assemble(pods, edges.value, settings.topology_namespaces, datetime.now(UTC))

    topology = Cached(read_topology, CACHE_SECONDS)
    status = status_by(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = [asyncio.create_task(one.watch()) for one in (edges, status) if one is not None]
        yield
        for one in watching:
            one.cancel()
        if status is not None:
            await status.close()
        await topology.close()
        await kubernetes.close()

    app = create_app(settings, lifespan=lifespan)
    app.state.topology = topology
    app.state.status = status
    app.include_router(router)
    app.include_router(status_router)
    app.include_router(asset_routes(load_assets()))
    return app


def status_by(settings: WebSettings) -> Status | None:
    """The graphs, where both their file and a Prometheus are given."""
    if settings.graphs_file is None or settings.prometheus_url is None:
        return None
    return Status(settings.graphs_file, Prometheus(settings.prometheus_url, settings.prometheus_seconds))


if __name__ == "__main__":
    main(lambda: load_settings(WebSettings), create)
