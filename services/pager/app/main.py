"""The pager's program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.pages import Pages
from app.routes import router
from app.settings import PagerSettings
from blueprint_kit.app import create_app
from blueprint_kit.probes import Check
from blueprint_kit.records import Most, Records, require_folder
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings


def create(settings: PagerSettings) -> FastAPI:
    """The application. Raises SettingsError when the folder is missing."""
    require_folder("PAGES_FOLDER", settings.pages_folder)
    records = Records(settings.pages_folder, Most(settings.pages_kept, settings.pages_kept_bytes))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await records.open()
        yield

    app = create_app(settings, lifespan=lifespan, readiness=[Check("pages", records.check)])
    app.state.pages = Pages(records)
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(PagerSettings), create)
