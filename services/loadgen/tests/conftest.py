"""A shop on loopback that behaves, unless a test says otherwise, and the load generator in a process of its own.

Its own, because locust replaces the standard library's blocking parts in the process that imports it.
"""

import asyncio
import contextlib
import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from blueprint_testing import LOCAL, Running, running
from fastapi import FastAPI, Header, Query

from blueprint_kit.app import create_app
from blueprint_kit.problems import Problem
from blueprint_kit.settings import ServiceSettings, load_settings

FOLDER = Path(__file__).parents[1]
STEPS = ("pending", "reserved", "paid", "confirmed")


class Shop:
    """What the shop holds and noted, and how it misbehaves.

    `broken` is the beginning of paths that are answered with 409; `stuck` ends no order.
    """

    def __init__(self) -> None:
        self.skus = [f"TST-{number:02}" for number in range(45)]
        self.looks: dict[str, int] = {}  # at each order
        self.bodies: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.broken = ""
        self.stuck = False
        self.forgetful = False  # takes a repeated order for a new one

    def note(self, path: str) -> None:
        self.asked[path] += 1
        if self.broken and path.startswith(self.broken):
            raise Problem(409, "as the test says", kind="broken")

    def order(self, order_id: str) -> dict[str, Any]:
        """The order; each look at it finds it a step further."""
        looks = self.looks[order_id] = self.looks[order_id] + 1
        final = "rejected" if int(order_id[0], 16) < 4 else "confirmed"
        status = "pending" if self.stuck else (*STEPS[:3], final)[min(looks, 3)]
        return {"id": order_id, "status": status}


def shop_app(shop: Shop, settings: ServiceSettings) -> FastAPI:
    """The shop as its gateway shows it."""
    app = create_app(settings)

    def page(items: list[Any], number: int, size: int) -> dict[str, Any]:
        return {"items": items[(number - 1) * size : number * size], "total": len(items), "page": number, "size": size}

    @app.get("/api/products")
    async def products(number: Annotated[int, Query(alias="page")] = 1, size: int = 20) -> dict[str, Any]:
        shop.note("/api/products")
        return page([{"sku": sku, "name": sku} for sku in shop.skus], number, size)

    @app.get("/api/products/{sku}")
    async def product(sku: str) -> dict[str, Any]:
        shop.note("/api/products/")
        return {"sku": sku, "name": f"The {sku}"}

    @app.get("/api/inventory/{sku}")
    async def inventory(sku: str) -> dict[str, Any]:
        shop.note("/api/inventory/")
        return {"sku": sku, "available": 1, "reserved": 0}

    @app.get("/api/notifications")
    async def notifications() -> dict[str, Any]:
        shop.note("/api/notifications")
        return page([], 1, 20)

    @app.post("/api/orders", status_code=202)
    async def place(order: dict[str, Any], idempotency_key: Annotated[str, Header()]) -> dict[str, Any]:
        shop.note("/api/orders")
        known = None if shop.forgetful else shop.keys.get(idempotency_key)
        order_id = known or str(uuid.uuid4())
        shop.keys[idempotency_key] = order_id
        shop.looks.setdefault(order_id, 0)
        assert shop.bodies.setdefault(idempotency_key, order) == order
        return {"id": order_id, "status": "pending"}

    @app.get("/api/orders/{order_id}")
    async def order(order_id: str) -> dict[str, Any]:
        shop.note("/api/orders/")
        return shop.order(order_id)

    return app


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def gateway(shop: Shop) -> AsyncIterator[Running]:
    settings = load_settings(ServiceSettings, service_name="shop", **LOCAL)
    async with running(shop_app(shop, settings), settings) as service:
        yield service


class Ended:
    """A run of the load generator that has ended."""

    def __init__(self, code: int, output: str) -> None:
        self.code = code
        self.output = output
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of one kind."""
        return [line for line in self.lines if line["event"] == event]

    @property
    def last(self) -> dict[str, Any]:
        return self.lines[-1]


@contextlib.asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The load generator's process; killed at the end of the block if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.main",
        *arguments,
        cwd=FOLDER,
        env={**os.environ, "THINK_SECONDS": "0.03", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(*arguments: str, **environment: str) -> Ended:
    """Run the load generator to its end."""
    async with started(*arguments, **environment) as process:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return Ended(process.returncode, output.decode())
