"""The mailbox's program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.mails import Mails
from app.routes import router
from app.settings import MailboxSettings
from app.smtp import Intake, SmtpServer
from blueprint_kit.app import create_app
from blueprint_kit.probes import Check
from blueprint_kit.records import Most, Records, require_folder
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings


def create(settings: MailboxSettings) -> FastAPI:
    """The application. Raises SettingsError when the folder is missing."""
    require_folder("MAILS_FOLDER", settings.mails_folder)
    records = Records(settings.mails_folder, Most(settings.mails_kept, settings.mails_kept_bytes))
    mails = Mails(records)
    smtp = SmtpServer(Intake(mails, settings), settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await records.open()
        await smtp.open()
        yield
        await smtp.close()

    app = create_app(settings, lifespan=lifespan, readiness=[Check("mails", records.check), Check("smtp", smtp.check)])
    app.state.mails, app.state.smtp = mails, smtp
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(MailboxSettings), create)
