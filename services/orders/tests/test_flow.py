"""The whole service with a real broker: as processes of its own that are killed, and while stores go away."""

import asyncio
import contextlib
import itertools
import os
import random
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from blueprint_testing import LOCAL, LOOPBACK, Running, client, eventually, reserved_port, running
from blueprint_testing.nats import Nats, nats_server
from blueprint_testing.postgres import Postgres
from conftest import Settings, urls
from peers import Peers
from rig import DECLINED, GOOD, HAPPY, PAYMENT_FAILED, REJECTED, SOLD_OUT, Lines

from app.main import create
from app.saga import CONSUMER, STREAM
from blueprint_kit.events import Event

SERVICE = Path(__file__).parent.parent
FINAL = {"confirmed": HAPPY, "payment_failed": PAYMENT_FAILED, "rejected": REJECTED}
KINDS: list[tuple[Lines, str]] = [(GOOD, "confirmed"), (DECLINED, "payment_failed"), (SOLD_OUT, "rejected")]
SECONDS = 120.0  # the busiest host


@pytest.fixture(scope="module")
def nats() -> Iterator[Nats]:
    """A broker that a test may kill, if it starts it again."""
    with nats_server("orders") as nats:
        yield nats


@pytest.fixture
async def given(nats: Nats, emptied: dict[str, Any], peers: Peers, tmp_path: Path) -> dict[str, Any]:
    """The settings of a service whose stream is new."""
    await nats.new_stream(STREAM, "orders.>")
    await nats.new_stream("DEAD_LETTERS", "dead.>")
    await nats.new_consumer(STREAM, CONSUMER, "orders.placed", ack_wait=2)
    return {**emptied, **urls(peers), **nats.settings("orders", tmp_path), "nats_seconds": 1}


@pytest.fixture
async def flowing(settings: Settings, given: dict[str, Any]) -> AsyncIterator[Running]:
    """The service in this process."""
    made = settings(**given)
    async with running(create(made), made) as service:
        yield service


async def place(asking: httpx.AsyncClient, lines: Lines, **headers: str) -> str:
    """Take an order; repeats the request with its key until there is an answer, as a client does."""
    body = {"customer": "Ada", "items": [{"sku": sku, "quantity": quantity} for sku, quantity in lines]}
    headers = {"Idempotency-Key": uuid.uuid4().hex, **headers}
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(httpx.TransportError):  # it is being killed
                answer = await asking.post("/orders", json=body, headers=headers)
                if answer.status_code == 202:
                    return str(answer.json()["id"])
                assert answer.status_code in {502, 503, 504}, answer.text
            await asyncio.sleep(0.05)


async def statuses(server: Postgres, given: dict[str, Any]) -> dict[str, str]:
    """The state of each order, from the database."""
    async with server.administrator(given["postgres_database"]) as administrator:
        rows = await administrator.fetch("SELECT id, status FROM orders")
    return {str(row["id"]): row["status"] for row in rows}


async def events(nats: Nats) -> list[Event]:
    """All events that the stream holds, in its order."""
    found = []
    async with nats.jetstream() as jetstream:
        last = (await jetstream.stream_info(STREAM)).state.last_seq
        for sequence in range(1, last + 1):
            message = await jetstream.get_msg(STREAM, sequence)
            found.append(Event.model_validate_json(message.data or b""))
    return found


async def all_well(server: Postgres, nats: Nats, peers: Peers, given: dict[str, Any], expected: dict[str, str]) -> None:
    """Every order reaches the end it should, and stream, stock and database agree on it."""

    async def ended() -> bool:
        async with server.administrator(given["postgres_database"]) as administrator:
            waiting = await administrator.fetchval("SELECT count(*) FROM outbox")
        left = await nats.unacknowledged(STREAM, CONSUMER)
        return waiting == 0 and left == 0 and await statuses(server, given) == expected

    await eventually(ended, seconds=SECONDS)
    told: dict[str, list[str]] = {order_id: [] for order_id in expected}
    for event in await events(nats):
        told[str(event.order_id)].append(event.type)
    assert told == {order_id: FINAL[status] for order_id, status in expected.items()}
    confirmed = list(expected.values()).count("confirmed")
    assert (peers.missing("MUG-1"), peers.missing("PAN-1"), peers.missing("TOW-1")) == (2 * confirmed, confirmed, 0)
    async with nats.jetstream() as jetstream:
        assert (await jetstream.stream_info("DEAD_LETTERS")).state.messages == 0


async def test_order_flows_to_its_end(
    server: Postgres, nats: Nats, peers: Peers, given: dict[str, Any], flowing: Running
) -> None:
    async with flowing.client() as asking:
        confirmed = await place(asking, GOOD, **{"X-Request-Id": "request-1"})
        failed, rejected = await place(asking, DECLINED), await place(asking, SOLD_OUT)
        expected = {confirmed: "confirmed", failed: "payment_failed", rejected: "rejected"}
        await all_well(server, nats, peers, given, expected)
        order = (await asking.get(f"/orders/{confirmed}")).json()
        assert [step["status"] for step in order["history"]] == ["pending", "reserved", "paid", "confirmed"]
        assert (await asking.get(f"/orders/{rejected}")).json()["reason"] == "out_of_stock: KTL-1"
    of_request = [event.request_id for event in await events(nats) if str(event.order_id) == confirmed]
    assert of_request == ["request-1"] * 4
    assert await flowing.metric('orders_transitions_total{status="confirmed"}') >= 1


async def test_broker_that_is_away_delays_orders_and_refuses_none(
    server: Postgres, nats: Nats, peers: Peers, given: dict[str, Any], flowing: Running
) -> None:
    async with flowing.client() as asking:
        expected = {await place(asking, GOOD): "confirmed"}
        async with nats.killed():
            for _ in range(5):
                expected[await place(asking, GOOD)] = "confirmed"
            assert (await asking.get("/readyz")).status_code == 200
        await all_well(server, nats, peers, given, expected)


async def test_message_that_comes_twice_and_one_of_no_order(
    server: Postgres, nats: Nats, peers: Peers, given: dict[str, Any], flowing: Running
) -> None:
    async with flowing.client() as asking:
        expected = {await place(asking, GOOD): "confirmed"}
        await all_well(server, nats, peers, given, expected)
    first = (await events(nats))[0]
    async with nats.jetstream() as jetstream:
        await jetstream.publish("orders.placed", first.encode())  # without the id that the stream would know
        await jetstream.publish("orders.placed", first.model_copy(update={"order_id": uuid.uuid4()}).encode())

        async def dealt_with() -> bool:
            dead = (await jetstream.stream_info("DEAD_LETTERS")).state.messages
            return dead == 1 and await nats.unacknowledged(STREAM, CONSUMER) == 0

        await eventually(dealt_with, seconds=SECONDS)
    assert await statuses(server, given) == expected
    assert peers.missing("MUG-1") == 2
    assert len(await events(nats)) == 4 + 2


class Process:
    """The program, which is killed and started again on its port."""

    def __init__(self, port: int, given: dict[str, Any], log: Path) -> None:
        self.port = port
        self._log = log
        said = {name.upper(): str(value) for name, value in {**LOCAL, **given, "http_port": port}.items()}
        self._environment = {**os.environ, **said}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app.main", cwd=SERVICE, env=self._environment, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()


async def more(expected: dict[str, str], count: int) -> None:
    """Wait until so many more orders were taken."""
    before = len(expected)

    async def came() -> bool:
        return len(expected) >= before + count

    await eventually(came, seconds=SECONDS)


@contextlib.asynccontextmanager
async def crashed(server: Postgres) -> AsyncIterator[None]:
    """The database server crashed, and is down in this block."""
    await asyncio.to_thread(server.crash)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


@pytest.mark.thorough
async def test_two_processes_that_are_killed_again_and_again(
    server: Postgres, nats: Nats, peers: Peers, given: dict[str, Any], tmp_path: Path
) -> None:
    """Each at any point of its work, and the broker and the database too. Nothing is lost, nothing is doubled."""
    expected: dict[str, str] = {}
    over = asyncio.Event()

    async def dawdle(_line: str) -> None:
        await asyncio.sleep(random.random() * 0.05)  # noqa: S311 - jitter is no secret

    async def buy(port: int) -> None:
        async with client(f"http://{LOOPBACK}:{port}") as asking:
            for lines, end in itertools.cycle(KINDS):
                expected[await place(asking, lines)] = end
                if over.is_set():
                    return

    peers.before_answer = dawdle
    with reserved_port() as one, reserved_port() as two:
        processes = [Process(port, given, tmp_path / f"log-{port}") for port in (one, two)]
        for process in processes:
            await process.start()
        buying = asyncio.gather(*(buy(port) for port in (one, two, one, two)))
        try:
            for victim, disaster in ((0, nats.killed), (1, lambda: crashed(server)), (0, contextlib.AsyncExitStack)):
                await more(expected, 4)
                await processes[victim].kill()
                async with disaster():
                    await asyncio.sleep(0.3)
                await processes[victim].start()
            over.set()
            await asyncio.wait_for(buying, SECONDS)
            await all_well(server, nats, peers, given, expected)
        finally:
            buying.cancel()
            for process in processes:
                await process.kill()
