"""The orders program: wiring only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.idempotency import forget_answers
from app.inventory import Inventory
from app.outbox import Relay
from app.payments import Payments
from app.placing import Placing
from app.prices import Prices
from app.routes import Desk, router
from app.saga import CONSUMER, STREAM, Saga
from app.settings import OrdersSettings
from blueprint_kit.app import create_app
from blueprint_kit.background import Background, repeat
from blueprint_kit.client import Client
from blueprint_kit.messages import Messages
from blueprint_kit.outbound import CallPolicy
from blueprint_kit.postgres import Database
from blueprint_kit.probes import Check
from blueprint_kit.server import main
from blueprint_kit.settings import load_settings, read_secret

MEASURE_SECONDS, RESUME_SECONDS, FORGET_SECONDS = 5.0, 30.0, 600.0
CATALOG = CallPolicy(head_seconds=4.0)  # a customer waits


def create(settings: OrdersSettings) -> FastAPI:
    """The application. Raises SettingsError when a password's file cannot be read.

    It is ready without the broker: orders are taken, and their events wait.
    """
    read_secret(settings.postgres_password_file)
    read_secret(settings.nats_password_file)
    database, messages, background = Database(settings), Messages(settings), Background()
    catalog, inventory = Client(settings.catalog_url, CATALOG), Client(settings.inventory_url)
    payments = Client(settings.payments_url)
    relay = Relay(database, messages.publish, publish_seconds=settings.nats_seconds)
    saga = Saga(database, Inventory(inventory), Payments(payments), moved=relay.wake)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await messages.open()
        work = {
            "outbox": relay.run(),
            "saga": messages.consume(STREAM, CONSUMER, saga.handle),
            "measure": repeat(MEASURE_SECONDS, relay.measure),
            "resume": repeat(RESUME_SECONDS, saga.resume),
            "forget": repeat(FORGET_SECONDS, lambda: database.write(forget_answers)),
        }
        async with background.running(work):
            yield
        await messages.close()
        for client in (catalog, inventory, payments):
            await client.close()
        await database.close()

    app = create_app(settings, lifespan=lifespan, readiness=[Check("database", database.check)])
    app.state.probes.liveness = (Check("background", background.check),)
    app.state.desk = Desk(database, Placing(database, Prices(catalog), placed=relay.wake))
    app.include_router(router)
    return app


if __name__ == "__main__":
    main(lambda: load_settings(OrdersSettings), create)
