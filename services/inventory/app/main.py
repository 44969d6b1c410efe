"""The inventory program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.routes import router
from app.settings import InventorySettings
from blueprint_kit.app import create_app
from blueprint_kit.postgres import Database
from blueprint_kit.probes import Check
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings, read_secret


def create(settings: InventorySettings) -> FastAPI:
    """The application. Raises SettingsError when the password's file cannot be read."""
    read_secret(settings.postgres_password_file)
    database = Database(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()

    app = create_app(settings, lifespan=lifespan, readiness=[Check("database", database.check)])
    app.state.database = database
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(InventorySettings), create)
