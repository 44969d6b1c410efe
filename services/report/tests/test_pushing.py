"""The push, to a small server that plays the Pushgateway."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from datetime import date
from uuid import uuid4

import pytest
from blueprint_testing import LOOPBACK, Upstream, answer, reserved_port, upstream
from sold import new_sale

from app import pushing
from app.pushing import ATTEMPTS, PushError, metrics_of, push
from app.sales import Day

SECONDS = 0.5


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "PAUSE_SECONDS", 0.01)


class Gateway:
    """Answers with each of `statuses` in turn, then with the last of them; remembers what it got."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.bodies: list[bytes] = []

    async def __call__(self, server: Upstream, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            head = await server.head(reader)
            (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self.bodies.append(await reader.readexactly(int(length.partition(b":")[2])))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            writer.write(answer(b"said so", status))


def two_days() -> list[Day]:
    days = [Day(day=date(2026, 3, number)) for number in (1, 2)]
    days[0].add(uuid4(), new_sale("12.50"))
    days[0].add(uuid4(), new_sale("0.50"))
    days[1].add(uuid4(), new_sale("7.00", "USD"))
    return days


def test_metrics_are_the_contract() -> None:
    lines = metrics_of(two_days(), 1772452800.0).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'report_orders{day="2026-03-01"} 2.0',
        'report_orders{day="2026-03-02"} 1.0',
        'report_sales_amount{currency="EUR",day="2026-03-01"} 13.0',
        'report_sales_amount{currency="USD",day="2026-03-02"} 7.0',
        "report_last_success_timestamp_seconds 1.7724528e+09",
    ]


async def test_metrics_replace_those_of_the_last_report() -> None:
    metrics, gateway = metrics_of(two_days(), 1.0), Gateway("200 OK")
    async with upstream(gateway) as server:
        await push(server.url, metrics, SECONDS)
    (head,) = server.heads
    assert head.startswith(b"PUT /metrics/job/report HTTP/1.1\r\n")
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8" in head.lower()
    assert gateway.bodies == [metrics]


async def test_passing_failures_are_tried_again() -> None:
    gateway = Gateway("503 Service Unavailable", "429 Too Many Requests", "202 Accepted")
    async with upstream(gateway) as server:
        await push(server.url, b"metrics\n", SECONDS)
    assert gateway.bodies == [b"metrics\n"] * 3


async def test_attempts_are_bounded() -> None:
    async with upstream(Gateway("500 Internal Server Error")) as server:
        with pytest.raises(
            PushError, match=rf"{server.url} did not take .* in {ATTEMPTS} attempts: it answered with 500"
        ):
            await push(server.url, b"metrics\n", SECONDS)
    assert len(server.heads) == ATTEMPTS


async def test_refusal_is_not_tried_again() -> None:
    async with upstream(Gateway("400 Bad Request")) as server:
        with pytest.raises(PushError, match="answered with 400: said so; see that PUSHGATEWAY_URL"):
            await push(server.url, b"metrics\n", SECONDS)
    assert len(server.heads) == 1


async def test_silent_gateway_is_not_waited_for_long() -> None:
    async def silent(server: Upstream, reader: StreamReader, writer: StreamWriter) -> None:
        await server.head(reader)
        await asyncio.sleep(60)

    began = time.monotonic()
    async with upstream(silent) as server:
        with pytest.raises(PushError, match=r"did not answer within 0\.1 s"):
            await push(server.url, b"metrics\n", 0.1)
    assert time.monotonic() - began < 5


async def test_absent_gateway() -> None:
    with reserved_port() as port, pytest.raises(PushError, match=r"cannot be reached|did not answer within"):
        await push(f"http://{LOOPBACK}:{port}", b"metrics\n", 0.1)
