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
from app.routes import router
from app.settings import WebSettings
from app.topology import Topology, assemble
from blueprint_kit.app import create_app
from blueprint_kit.reloading import ReloadedFile
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings

CACHE_SECONDS = 1.0


def create(settings: WebSettings) -> FastAPI:
    """The application. Raises SettingsError for edges that are refused."""
    edges = ReloadedFile(settings.topology_file, parse_edges)
    kubernetes = Kubernetes(settings)

    async def read_topology() -> Topology:
        pods = await kubernetes.pods(settings.topology_namespaces)
        return assemble(pods, edges.value, settings.topology_namespaces, datetime.now(UTC))

    topology = Cached(read_topology, CACHE_SECONDS)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(edges.watch())
        yield
        watching.cancel()
        await topology.close()
        await kubernetes.close()

    app = create_app(settings, lifespan=lifespan)
    app.state.topology = topology
    app.include_router(router)
    app.include_router(asset_routes(load_assets()))
    return app


if __name__ == "__main__":
    main(lambda: load_settings(WebSettings), create)
