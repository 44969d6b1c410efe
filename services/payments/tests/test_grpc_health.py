"""`blueprint_kit.grpc_health`, which only payments uses: over a real connection, as the kubelet asks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address

import grpc
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, running
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from app.main import create
from app.settings import PaymentsSettings
from blueprint_kit.grpc_health import health_server
from blueprint_kit.probes import Check, Probes
from blueprint_kit.settings import SettingsError, load_settings

V4, V6 = ip_address(LOOPBACK), ip_address("::1")
SERVICES = ("", "liveness", "readiness", "startup")


class Switch:
    """A check that holds while it is on; `slow` lets it not answer."""

    def __init__(self) -> None:
        self.on = True
        self.slow = False

    async def check(self) -> None:
        if self.slow:
            await asyncio.sleep(60)
        if not self.on:
            raise ConnectionError("it is off")


@pytest.fixture
def switch(service: Running) -> Iterator[Switch]:
    """A check of the service's readiness."""
    switch = Switch()
    service.probes.readiness = (Check("switch", switch.check, seconds=0.1),)
    yield switch
    service.probes.readiness = ()


@pytest.fixture
def life(service: Running) -> Iterator[Switch]:
    """A check of the service's liveness."""
    switch = Switch()
    service.probes.liveness = (Check("switch", switch.check),)
    yield switch
    service.probes.liveness = ()


async def asked(health: HealthStub, service: str) -> str:
    """The state of a service, by its name in the protocol."""
    answer = await health.Check(HealthCheckRequest(service=service), timeout=5)
    return str(HealthCheckResponse.ServingStatus.Name(answer.status))


async def states(health: HealthStub) -> dict[str, str]:
    return {service: await asked(health, service) for service in SERVICES}


def all_serve(*but: str) -> dict[str, str]:
    return {service: "NOT_SERVING" if service in but else "SERVING" for service in SERVICES}


async def test_all_serve(health: HealthStub) -> None:
    assert await states(health) == all_serve()


async def test_list_has_all(health: HealthStub) -> None:
    listed = (await health.List(HealthListRequest(), timeout=5)).statuses
    names = {name: HealthCheckResponse.ServingStatus.Name(listed[name].status) for name in listed}
    assert names == all_serve()


async def test_readiness_follows_its_checks_and_liveness_does_not(health: HealthStub, switch: Switch) -> None:
    assert await states(health) == all_serve()
    switch.on = False
    assert await states(health) == all_serve("", "readiness")
    switch.on = True
    assert await states(health) == all_serve()


async def test_check_that_does_not_answer_is_not_waited_for(health: HealthStub, switch: Switch) -> None:
    switch.slow = True
    async with asyncio.timeout(2):
        assert await asked(health, "readiness") == "NOT_SERVING"


async def test_liveness_follows_its_own_checks(health: HealthStub, life: Switch) -> None:
    life.on = False
    assert await states(health) == all_serve("liveness")


async def test_startup_is_asked_until_it_holds(health: HealthStub, service: Running) -> None:
    service.probes.started = False
    assert await states(health) == all_serve("", "readiness", "startup")
    service.probes.started = True
    assert await states(health) == all_serve()


@pytest.mark.parametrize("name", ["payments", "Liveness", "liveness ", "☃"])
async def test_unknown_service_is_not_found(health: HealthStub, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked(health, name)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert "'readiness'" in str(refused.value.details())


async def test_http_probes_say_the_same(health: HealthStub, service: Running, switch: Switch) -> None:
    async with service.client() as client:
        assert (await client.get("/readyz")).status_code == 200
        switch.on = False
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


async def watched(health: HealthStub, service: str) -> AsyncIterator[str]:
    """The states of a service as a watcher gets them."""
    async for answer in health.Watch(HealthCheckRequest(service=service), timeout=10):
        yield HealthCheckResponse.ServingStatus.Name(answer.status)


async def test_watcher_gets_each_change_once(health: HealthStub, switch: Switch) -> None:
    states = watched(health, "readiness")
    assert await anext(states) == "SERVING"
    switch.on = False
    assert await anext(states) == "NOT_SERVING"
    switch.on = True
    assert await anext(states) == "SERVING"


async def test_watcher_of_an_unknown_service_is_told_and_stays(health: HealthStub) -> None:
    """As the protocol asks: the service may come."""
    states = watched(health, "payments")
    assert await anext(states) == "SERVICE_UNKNOWN"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(states), 1)


async def test_while_draining_it_says_so_and_at_the_end_the_port_closes() -> None:
    settings = load_settings(PaymentsSettings, **(LOCAL | {"drain_seconds": 1}), grpc_port=0)
    async with running(create(settings), settings) as service:
        port = service.app.state.grpc_port
        async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
            health = HealthStub(channel)
            watcher = watched(health, "")
            assert await anext(watcher) == "SERVING"
            service.stop.set()
            assert await anext(watcher) == "NOT_SERVING"
            assert await states(health) == all_serve("", "readiness")
            assert not service.ended.done()
            assert await asyncio.wait_for(service.ended, 5), "a watcher does not hold the end up"
            with pytest.raises(grpc.aio.AioRpcError) as lost:
                await asked(health, "liveness")
            assert lost.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, port)


async def test_two_services_do_not_share_a_port() -> None:
    async with health_server(Probes(), V4, 0) as port:
        with pytest.raises(SettingsError, match=f"GRPC_PORT={port}: the port must be free"):
            async with health_server(Probes(), V4, port):
                pass


async def test_service_whose_port_is_taken_does_not_start() -> None:
    async with health_server(Probes(), V4, 0) as port:
        settings = load_settings(PaymentsSettings, **LOCAL, grpc_port=port)
        with pytest.raises(RuntimeError, match="did not start"):
            async with running(create(settings), settings):
                pass


async def test_address_of_version_6() -> None:
    async with (
        health_server(Probes(), V6, 0) as port,
        grpc.aio.insecure_channel(f"[::1]:{port}") as channel,
    ):
        assert await asked(HealthStub(channel), "liveness") == "SERVING"
