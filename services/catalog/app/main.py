"""The catalog's program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.cache import Cache
from app.leases import Leases
from app.routes import router
from app.settings import CatalogSettings
from blueprint_kit.app import create_app
from blueprint_kit.postgres import Database
from blueprint_kit.probes import Check
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings, read_secret


def create(settings: CatalogSettings) -> FastAPI:
    """The application. Raises SettingsError when a password's file cannot be read."""
    read_secret(settings.postgres_password_file)
    database, cache = Database(settings), create_cache(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await cache.close()
        await database.close()

    app = create_app(settings, lifespan=lifespan, readiness=[Check("database", database.check)])
    app.state.database = database
    app.state.cache = cache
    app.include_router(router)
    return app


def create_cache(settings: CatalogSettings) -> Cache:
    """The cache. It is no part of readiness: without it the service is slower, and as right."""
    if not settings.valkey_host:
        return Cache(None, settings.cache_seconds)
    read_secret(settings.valkey_password_file)
    return Cache(Leases(settings), settings.cache_seconds)


if __name__ == "__main__":
    main(lambda: load_settings(CatalogSettings), create)
