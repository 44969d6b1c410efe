"""The gateway's program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.proxy import Proxy
from app.settings import GatewaySettings
from app.table import Table, load_table
from blueprint_kit.app import create_app
from blueprint_kit.outbound import CallPolicy, Upstream
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings


def create(settings: GatewaySettings) -> FastAPI:
    """The application. Raises SettingsError for a route table that is refused."""
    table = load_table(settings.routes_file)
    upstreams = {origin: Upstream(origin, policy(table, origin)) for origin in table.origins()}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for upstream in upstreams.values():
            await upstream.aclose()

    app = create_app(settings, lifespan=lifespan)
    app.mount("/", Proxy(table, upstreams, settings))
    return app


def policy(table: Table, origin: str) -> CallPolicy:
    """The limits of calls to an upstream: as long as the slowest of its routes may take."""
    longest = max(route.timeout_seconds for route in table.routes if route.origin == origin)
    return CallPolicy(head_seconds=longest, read_seconds=longest)


if __name__ == "__main__":
    main(lambda: load_settings(GatewaySettings), create)
