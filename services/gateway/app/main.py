"""The gateway's program: wiring only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.proxy import Proxy
from app.routing import Routing
from app.settings import GatewaySettings
from app.table import parse_table
from blueprint_kit.app import create_app
from blueprint_kit.reloading import ReloadedFile
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings


def create(settings: GatewaySettings) -> FastAPI:
    """The application. Raises SettingsError for a route table that is refused."""
    routing = Routing(ReloadedFile(settings.routes_file, parse_table))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(routing.watch())
        yield
        watching.cancel()
        await routing.close()

    app = create_app(settings, lifespan=lifespan)
    app.mount("/", Proxy(routing, settings))
    return app


if __name__ == "__main__":
    main(lambda: load_settings(GatewaySettings), create)
