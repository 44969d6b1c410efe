"""A small service made of nothing but the kit."""

from collections.abc import AsyncIterator, Iterator

import pytest
from blueprint_testing import LOCAL, Running, running
from blueprint_testing.postgres import Postgres, postgres_server
from fastapi import FastAPI
from pydantic import BaseModel

from blueprint_kit.app import create_app
from blueprint_kit.problems import Problem
from blueprint_kit.settings import ServiceSettings, load_settings


class Order(BaseModel):
    customer: str
    items: list[int]


@pytest.fixture(scope="module")
def settings() -> ServiceSettings:
    return load_settings(
        ServiceSettings,
        service_name="sample",
        **LOCAL,
        body_limit_bytes=1000,
        head_limit_bytes=4096,
        url_limit_bytes=512,
        head_seconds=0.5,
        body_seconds=0.5,
    )


@pytest.fixture(scope="module")
def app(settings: ServiceSettings) -> FastAPI:
    app = create_app(settings)

    @app.get("/things/{number}")
    async def get_thing(number: int) -> dict[str, int]:
        return {"number": number}

    @app.post("/orders")
    async def post_order(order: Order) -> Order:
        return order

    @app.get("/broken")
    async def get_broken() -> None:
        raise ZeroDivisionError("secret detail")

    @app.get("/refused")
    async def get_refused() -> None:
        raise Problem(409, "it exists", kind="exists", sku="A-1")

    return app


@pytest.fixture(scope="module")
async def service(app: FastAPI, settings: ServiceSettings) -> AsyncIterator[Running]:
    async with running(app, settings) as service:
        yield service


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server that a test may stop, if it starts it again."""
    with postgres_server() as server:
        yield server
