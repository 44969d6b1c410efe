"""Whole runs, each a process, against a shop that behaves or does not."""

import asyncio
import signal
from typing import Any

import pytest
from blueprint_testing import Running, eventually, reserved_port
from conftest import Ended, Shop, run, started

pytestmark = pytest.mark.thorough  # each starts the program anew, which takes seconds

VISITORS = ("--users", "20", "--run-time", "3s")


async def test_run_against_a_good_shop_ends_well(gateway: Running, shop: Shop) -> None:
    ended = await run(*VISITORS, GATEWAY_URL=gateway.url)
    assert ended.code == 0, ended.output
    assert ended.last["event"] == "run ended"
    assert (ended.last["ok"], ended.last["reasons"]) == (True, [])
    assert ended.said("unexpected") == []
    orders = ended.last["orders"]
    assert orders["accepted"] == orders["confirmed"] + orders.get("rejected", 0) == len(shop.keys) > 0
    assert shop.asked["/api/products"] > shop.asked["/api/orders"]
    assert {line["name"] for line in ended.said("requests")} >= {
        "/api/products",
        "/api/products/{sku}",
        "/api/inventory/{sku}",
        "/api/orders",
        "/api/orders/{id}",
        "/api/notifications",
        "to its end",
    }
    counted = sum(line["count"] for line in ended.said("requests") if line["method"] != "ORDER")
    assert counted == shop.asked.total()
    assert len(set(shop.keys.values())) == len(shop.keys)
    for order in shop.bodies.values():
        assert_small(order, shop)


def assert_small(order: dict[str, Any], shop: Shop) -> None:
    skus = [item["sku"] for item in order["items"]]
    assert 1 <= len(skus) == len(set(skus)) <= 3
    assert set(skus) <= set(shop.skus)
    assert all(1 <= item["quantity"] <= 3 for item in order["items"])
    assert order.keys() == {"customer", "items"}


@pytest.mark.parametrize(
    ("broken", "name"), [("/api/inventory/", "/api/inventory/{sku}"), ("/api/orders", "/api/orders")]
)
async def test_wrong_status_fails_the_run(gateway: Running, shop: Shop, broken: str, name: str) -> None:
    shop.broken = broken
    ended = await run(*VISITORS, GATEWAY_URL=gateway.url)
    assert ended.code == 1, ended.output
    assert not ended.last["ok"]
    failed = {line["name"]: line["error"] for line in ended.said("failed requests")}
    assert "status 409 instead of" in failed[name]
    assert "urn:blueprint:problem:broken" in failed[name]
    first = ended.said("unexpected")[0]
    assert len(first["request_id"]) == 32, "so that it is found in the services' logs"


async def test_order_that_does_not_end_in_time_fails_the_run(gateway: Running, shop: Shop) -> None:
    shop.stuck = True
    ended = await run(*VISITORS, GATEWAY_URL=gateway.url, FINAL_SECONDS="0.8")
    assert ended.code == 1, ended.output
    assert ended.last["orders"]["late"] == ended.last["orders"]["accepted"] > 0
    assert any("accepted orders were not followed" in reason for reason in ended.last["reasons"])
    assert [line["error"] for line in ended.said("failed requests")] == ["not at its end within 0.8 s"]


async def test_repeated_order_that_becomes_another_one_fails_the_run(gateway: Running, shop: Shop) -> None:
    shop.forgetful = True
    ended = await run(*VISITORS, GATEWAY_URL=gateway.url, REPEAT_SHARE="1")
    assert ended.code == 1, ended.output
    assert {line["name"] for line in ended.said("failed requests")} == {"/api/orders (repeated)"}


async def test_gateway_that_is_not_there_fails_the_run() -> None:
    with reserved_port() as port:
        ended = await run("--users", "2", "--run-time", "1s", GATEWAY_URL=f"http://127.0.0.1:{port}")
    assert ended.code == 1
    assert "no answer instead of 200" in ended.said("failed requests")[0]["error"]


async def test_interrupted_run_says_what_it_has_and_fails(gateway: Running, shop: Shop) -> None:
    async def asked() -> bool:
        return shop.asked.total() > 5

    async with started("--users", "2", "--run-time", "1h", GATEWAY_URL=gateway.url) as process:
        await eventually(asked, seconds=45)  # its start takes seconds of a busy processor
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    ended = Ended(process.returncode or 0, output.decode())
    assert ended.code == 1
    assert "interrupted before its end" in ended.last["reasons"]
    assert ended.said("requests")


async def test_refused_arguments_end_with_78() -> None:
    ended = await run("--users", "0", "--run-time", "soon")
    assert ended.code == 78
    assert [line["value"] for line in ended.said("setting refused")] == ["--users='0'", "--run-time='soon'"]
