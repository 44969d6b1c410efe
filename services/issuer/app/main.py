"""The issuer's program: wiring only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.desk import open_desk
from app.routes import router
from app.settings import IssuerSettings
from blueprint_kit.app import create_app
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings

FORM = "application/x-www-form-urlencoded"


def create(settings: IssuerSettings) -> FastAPI:
    """The application. Raises SettingsError for keys or clients that are refused."""
    desk = open_desk(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(desk.watch())
        yield
        watching.cancel()

    app = create_app(settings, lifespan=lifespan, body_type=FORM)
    app.state.desk = desk
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(IssuerSettings), create)
