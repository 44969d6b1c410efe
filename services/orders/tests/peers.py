"""Catalog, inventory and payments as the tests need them: one real server on loopback that knows their contract.

It may be told to answer late, badly, or not at all. Owns stock and reservations, so that a test can count them.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from blueprint_testing import Upstream, answer, break_off, upstream

PRICES = {
    "MUG-1": "12.50",
    "PAN-1": "79.00",
    "TOW-1": "7.13",  # declined
    "KTL-1": "49.90",  # none in stock
    "KNF-1": "1000.00",
    "DEAR-1": "9999999999.99",
}
IN_DOLLARS = {"USD-1": "5.00"}
PLENTY = 10_000


class Fault(Enum):
    """What happens to a request instead of its answer."""

    UNAVAILABLE = auto()  # 503, nothing done
    BROKEN_BEFORE = auto()  # the connection breaks, nothing done
    BROKEN_AFTER = auto()  # it is done, and the connection breaks
    NONSENSE = auto()  # 200 with something else
    LATE = auto()  # done, and answered later than anybody waits


@dataclass
class Peers:
    """The state of the other services."""

    url: str = ""
    stock: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRICES, PLENTY) | {"KTL-1": 0, "USD-1": 1})
    reservations: dict[str, tuple[str, dict[str, int]]] = field(default_factory=dict)
    payments: Counter[str] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)  # each for the next request with this in its line
    away: set[str] = field(default_factory=set)  # each for all requests with this in their line
    sells_all: bool = False  # the catalog has every product
    before_answer: Callable[[str], Awaitable[None]] | None = None

    def reset(self) -> None:
        """Be as at the beginning."""
        vars(self).update(vars(Peers(self.url)))

    def status_of(self, order_id: str) -> str | None:
        """What the reservation of an order is: reserved, committed, released, or not there."""
        found = self.reservations.get(order_id)
        return found[0] if found else None

    def missing(self, sku: str) -> int:
        """How much of a product is not in stock any more, reserved or sold."""
        return (0 if sku == "KTL-1" else PLENTY) - self.stock[sku]

    def fault_of(self, line: str) -> Fault | None:
        """What is to happen to this request."""
        if any(part in line for part in self.away):
            return Fault.UNAVAILABLE
        for index, (part, fault) in enumerate(self.faults):
            if part in line:
                del self.faults[index]
                return fault
        return None

    def answer(self, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        """The status and the document that the contract says."""
        _, kind, identity, *action = path.split("/")
        if kind == "products":
            return self._product(identity)
        if kind == "payments":
            return self._payment(identity, body)
        if action == ["commit"]:
            return self._end(identity, "committed", "released")
        if action == ["release"]:
            return self._end(identity, "released", "committed")
        return self._reserve(identity, {line["sku"]: line["quantity"] for line in body["items"]})

    def _product(self, sku: str) -> tuple[int, dict[str, Any]]:
        amount, currency = PRICES.get(sku) or IN_DOLLARS.get(sku), "USD" if sku in IN_DOLLARS else "EUR"
        if amount is None and self.sells_all:
            amount = "1.00"
        if amount is None:
            return problem(404, "not-found")
        return 200, {"sku": sku, "name": "n", "price": {"amount": amount, "currency": currency}}

    def _payment(self, order_id: str, body: Any) -> tuple[int, dict[str, Any]]:
        self.payments[order_id] += 1
        declined = body["amount"]["amount"].endswith(".13")
        return 200, {"status": "declined", "reason": "card_declined"} if declined else {
            "status": "approved",
            "reason": None,
        }

    def _reserve(self, order_id: str, lines: dict[str, int]) -> tuple[int, dict[str, Any]]:
        status, items = self.reservations.get(order_id, (None, {}))
        if status == "released":
            return problem(409, "reservation-released")
        if status is not None:
            assert items == lines, "the same order asks for other items"
            return 200, {"status": status}
        short = [sku for sku, quantity in lines.items() if self.stock[sku] < quantity]
        if short:
            return problem(409, "out-of-stock", lines=[{"sku": sku, "wanted": lines[sku]} for sku in short])
        self._add(lines, -1)
        self.reservations[order_id] = ("reserved", lines)
        return 200, {"status": "reserved"}

    def _end(self, order_id: str, status: str, other: str) -> tuple[int, dict[str, Any]]:
        before, items = self.reservations.get(order_id, (None, {}))
        if before == other or (before is None and status == "committed"):
            return problem(409, f"reservation-{before}")
        if before == "reserved" and status == "released":
            self._add(items, 1)
        self.reservations[order_id] = (status, items)
        return 200, {"status": status}

    def _add(self, lines: dict[str, int], sign: int) -> None:
        for sku, quantity in lines.items():
            self.stock[sku] += sign * quantity
            assert self.stock[sku] >= 0


def problem(status: int, kind: str, **further: Any) -> tuple[int, dict[str, Any]]:
    return status, {"type": f"urn:blueprint:problem:{kind}", "status": status, "detail": kind, **further}


@contextlib.asynccontextmanager
async def peers_server() -> AsyncIterator[Peers]:
    """The server, until the block ends."""
    peers = Peers()

    async def handle(server: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await server.head(reader)
            line = head.partition(b"\r\n")[0].decode().removesuffix(" HTTP/1.1")
            if not await _serve(peers, line, await _body(head, reader), writer):
                return

    async with upstream(handle) as server:
        peers.url = server.url
        yield peers


async def _body(head: bytes, reader: asyncio.StreamReader) -> Any:
    fields = [line.lower() for line in head.split(b"\r\n")]
    length = next((int(line.partition(b":")[2]) for line in fields if line.startswith(b"content-length:")), 0)
    return json.loads(await reader.readexactly(length)) if length else None


async def _serve(peers: Peers, line: str, body: Any, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; false if the connection is to end."""
    peers.calls.append(line)
    fault = peers.fault_of(line)
    if fault is Fault.BROKEN_BEFORE:
        break_off(writer)
        return False
    if fault is Fault.UNAVAILABLE:
        status, document = problem(503, "database-unavailable")
    else:
        status, document = peers.answer(line.partition(" ")[2], body)
    if peers.before_answer is not None:
        await peers.before_answer(line)
    if fault is Fault.BROKEN_AFTER:
        break_off(writer)
        return False
    if fault is Fault.LATE:
        await asyncio.sleep(60)
    content = b'"something else"' if fault is Fault.NONSENSE else json.dumps(document).encode()
    writer.write(answer(content, f"{status} Whatever", b"content-type: application/json"))
    await writer.drain()
    return True
