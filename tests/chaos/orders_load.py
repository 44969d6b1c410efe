"""A steady load of orders by customers who do not give up: each asks again, by the same key, until it has an answer."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.cluster.shop import DECLINED, SCARCE, Line

CLIENTS = 6
PAUSE_SECONDS = 0.4
PATIENCE_SECONDS = 240
BACKOFF_SECONDS = (0.2, 5.0)
_NOT_NOW = frozenset({408, 409, 429})
PRODUCTS = ("KIT-MUG-01", "KIT-MUG-02", "KIT-PAN-20", "KIT-BRD-01", "KIT-POT-03", "DSK-LMP-01")


@dataclass
class Orders:
    """What the customers saw. `accepted` is key → order id."""

    customer: str
    accepted: dict[str, str] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)


@contextmanager
def orders_load(url: str) -> Iterator[Orders]:
    """Places orders from several customers until the body of the `with` ends; then each finishes its last one."""
    seen, ended = Orders(f"chaos-{uuid.uuid4().hex[:8]}"), threading.Event()
    guard = threading.Lock()
    customers = [_Customer(url, seen, guard, random.Random(number)) for number in range(CLIENTS)]  # noqa: S311
    threads = [threading.Thread(target=customer.buy, args=(ended,), daemon=True) for customer in customers]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=PATIENCE_SECONDS + 30)


@dataclass
class _Customer:
    """One of the customers: a connection, and the notes that all share."""

    url: str
    seen: Orders
    guard: threading.Lock
    chance: random.Random

    def buy(self, ended: threading.Event) -> None:
        """Places one order after the other until it is told to end."""
        with httpx.Client(timeout=15) as http:
            while not ended.is_set():
                self._insist(http, str(uuid.uuid4()), basket(self.chance))
                ended.wait(PAUSE_SECONDS * (0.5 + self.chance.random()))

    def _insist(self, http: httpx.Client, key: str, lines: list[Line]) -> None:
        """The same request by the same key, after a growing pause, until there is an answer that is final."""
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
        body = {"customer": self.seen.customer, "items": items}
        deadline, (pause, longest) = time.monotonic() + PATIENCE_SECONDS, BACKOFF_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = http.post(f"{self.url}/api/orders", json=body, headers={"Idempotency-Key": key})
            except httpx.HTTPError as error:
                self._repeat(type(error).__name__)
            else:
                if self._is_final(key, answer):
                    return
                self._repeat(str(answer.status_code))
            time.sleep(pause)
            pause = min(longest, pause * 2)
        with self.guard:
            self.seen.unanswered.append(key)

    def _is_final(self, key: str, answer: httpx.Response) -> bool:
        """Whether the answer ends the order; it is noted then."""
        if answer.status_code >= 500 or answer.status_code in _NOT_NOW:
            return False
        with self.guard:
            if answer.status_code == 202:
                self.seen.accepted[key] = answer.json()["id"]
            else:
                self.seen.refused.append(f"{answer.status_code} {answer.text[:300]}")
        return True

    def _repeat(self, reason: str) -> None:
        with self.guard:
            self.seen.repeated[reason] += 1


def basket(chance: random.Random) -> list[Line]:
    """One to three products; one basket in twenty is declined, one in fifty asks for what is sold out."""
    draw = chance.random()
    if draw < 0.05:
        return [(DECLINED, 1)]
    if draw < 0.07:
        return [(SCARCE, 1)]
    return [(sku, chance.randint(1, 3)) for sku in chance.sample(PRODUCTS, chance.randint(1, 3))]
