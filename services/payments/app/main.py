"""The payments program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.routes import router
from app.settings import PaymentsSettings
from blueprint_kit.app import create_app
from blueprint_kit.grpc_health import health_server
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings


def create(settings: PaymentsSettings) -> FastAPI:
    """The application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with health_server(app.state.probes, settings.http_host, settings.grpc_port) as port:
            app.state.grpc_port = port
            yield

    app = create_app(settings, lifespan=lifespan)
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(PaymentsSettings), create)
