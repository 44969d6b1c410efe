"""Payments on free ports of loopback, and clients of it."""

from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, running
from grpc_health.v1.health_pb2_grpc import HealthStub

from app.main import create
from app.settings import PaymentsSettings
from blueprint_kit.settings import load_settings


@pytest.fixture(scope="module")
def settings() -> PaymentsSettings:
    return load_settings(PaymentsSettings, **LOCAL, grpc_port=0)


@pytest.fixture(scope="module")
async def service(settings: PaymentsSettings) -> AsyncIterator[Running]:
    async with running(create(settings), settings) as service:
        yield service


@pytest.fixture(scope="module")
async def client(service: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with service.client() as client:
        yield client


@pytest.fixture(scope="module")
async def health(service: Running) -> AsyncIterator[HealthStub]:
    """A client of its health service, which does not wait for a lost connection."""
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{service.app.state.grpc_port}") as channel:
        yield HealthStub(channel)
