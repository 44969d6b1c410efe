"""The notifications program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.confirmations import Confirmations
from app.receipts import Receipts
from app.routes import router
from app.settings import NotificationsSettings, require_folder
from blueprint_kit.app import create_app
from blueprint_kit.background import Background
from blueprint_kit.messages import Messages
from blueprint_kit.probes import Check
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings, read_secret


def create(settings: NotificationsSettings) -> FastAPI:
    """The application. Raises SettingsError when the password or the folder is missing.

    It is ready without the broker: receipts are shown, and the events of new ones wait.
    """
    read_secret(settings.nats_password_file)
    require_folder(settings)
    messages, receipts = Messages(settings), Receipts(settings.receipts_folder)
    confirmations, background = Confirmations(receipts), Background()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await messages.open()
        async with background.running({"confirmations": confirmations.consume(messages)}):
            yield
        await messages.close()

    app = create_app(settings, lifespan=lifespan, readiness=[Check("receipts", receipts.check)])
    app.state.probes.liveness = (Check("background", background.check),)
    app.state.receipts = receipts
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(NotificationsSettings), create)
