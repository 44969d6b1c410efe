"""A visitor of the shop: looks at pages and products, orders now and then, and follows each order to its end.

Importing this module, or locust, replaces the standard library's blocking parts by gevent's.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4

from locust import FastHttpUser, task

from app import answers
from app.answers import UnexpectedError
from app.settings import LoadgenSettings
from blueprint_kit.logs import logger

T = TypeVar("T")
Read = Callable[[dict[str, Any]], T]  # raises UnexpectedError

PAGE_SIZE = 20
MOST_LINES = 3
MOST_OF_ONE = 3
POLL_SECONDS = 0.2  # between two looks at an order, at first
POLL_MOST_SECONDS = 2.0
LOGGED = 20  # failures with all that is known of them; the summary counts all

log = logger(__name__)


class Shared:
    """What all visitors know together: the products they have seen, and how their orders ended."""

    def __init__(self) -> None:
        self.pages = 1
        self.skus: set[str] = set()
        self.orders: Counter[str] = Counter()
        self.logged = 0


class Shopper(FastHttpUser):
    """One visitor. `settings` and `shared` are set before the first comes."""

    settings: LoadgenSettings
    shared: Shared

    network_timeout = 30.0
    connection_timeout = 5.0

    def wait_time(self) -> float:
        """The seconds until the next thing: from half the average to one and a half."""
        return self.settings.think_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - chance is no secret

    def on_start(self) -> None:
        """Begin with the first page."""
        self.browse()

    @task(60)
    def browse(self) -> None:
        """Look at a page of products."""
        page = random.randint(1, self.shared.pages)  # noqa: S311
        path = f"/api/products?page={page}&size={PAGE_SIZE}"

        def learn(found: dict[str, Any]) -> None:
            self.shared.skus |= {answers.text(item, "sku") for item in answers.items(found)}
            self.shared.pages = max(1, -(-int(found["total"]) // PAGE_SIZE))

        self.ask("GET", path, "/api/products", learn)

    @task(25)
    def look_at_product(self) -> None:
        """Look at one product, and how many are left."""
        for sku in self.choose(1):
            self.ask("GET", f"/api/products/{sku}", "/api/products/{sku}", lambda found: answers.text(found, "name"))
            self.ask("GET", f"/api/inventory/{sku}", "/api/inventory/{sku}", lambda found: answers.text(found, "sku"))

    @task(10)
    def order(self) -> None:
        """Order a few things, and follow the order to its end."""
        skus = self.choose(random.randint(1, MOST_LINES))  # noqa: S311
        if not skus:
            return
        lines = [{"sku": sku, "quantity": random.randint(1, MOST_OF_ONE)} for sku in skus]  # noqa: S311
        body = {"customer": f"Visitor {random.randint(1, 9999)}", "items": lines}  # noqa: S311
        key = str(uuid4())
        order_id = self.place(body, key)
        if order_id is not None and random.random() < self.settings.repeat_share:  # noqa: S311
            self.place(body, key, expected_id=order_id)
        if order_id is not None:
            self.shared.orders["accepted"] += 1
            self.follow(order_id)

    @task(5)
    def look_at_notifications(self) -> None:
        """Look at the newest receipts."""
        path = f"/api/notifications?page=1&size={PAGE_SIZE}"
        self.ask("GET", path, "/api/notifications", answers.items)

    def choose(self, count: int) -> list[str]:
        """Up to `count` different products of those seen so far."""
        return random.sample(sorted(self.shared.skus), min(count, len(self.shared.skus)))

    def place(self, body: dict[str, Any], key: str, expected_id: str | None = None) -> str | None:
        """Place an order; its id if it was accepted. `expected_id` is what a repeated order must have."""

        def accepted(found: dict[str, Any]) -> str:
            order_id = answers.text(found, "id")
            if order_id != (expected_id or order_id):
                raise UnexpectedError("a repeated order became another one")
            return order_id

        name = "/api/orders" if expected_id is None else "/api/orders (repeated)"
        headers = {"Idempotency-Key": key}
        return self.ask("POST", "/api/orders", name, accepted, expected=202, json=body, headers=headers)

    def follow(self, order_id: str) -> None:
        """Look at an order until it is at its end, and count how it ended; too late is a failure."""
        began, pause = time.monotonic(), POLL_SECONDS
        while (left := began + self.settings.final_seconds - time.monotonic()) > 0:
            path = f"/api/orders/{order_id}"
            found = self.ask("GET", path, "/api/orders/{id}", lambda order: answers.state(order, order_id))
            if found in answers.FINAL:
                self.end(found, time.monotonic() - began, None)
                return
            time.sleep(min(pause, max(left, 0)))
            pause = min(pause * 1.5, POLL_MOST_SECONDS)
        late = UnexpectedError(f"not at its end within {self.settings.final_seconds:g} s")
        self.note("order", order_id, late, "")
        self.end("late", time.monotonic() - began, late)

    def end(self, outcome: str, seconds: float, error: Exception | None) -> None:
        """Count an accepted order, and how long it took from its acceptance to its end."""
        self.shared.orders[outcome] += 1
        self.environment.events.request.fire(
            request_type="ORDER",
            name="to its end",
            response_time=seconds * 1000,
            response_length=0,
            exception=error,
            context={},
        )

    def ask(self, method: str, path: str, name: str, read: Read[T], *, expected: int = 200, **more: Any) -> T | None:
        """What `read` makes of the answer; None, and a failure of the run, if it is not as expected."""
        with self.client.request(method, path, name=name, catch_response=True, **more) as response:
            try:
                result = read(answers.document(response.status_code, response.text, expected))
            except UnexpectedError as error:
                response.failure(str(error))
                self.note(method, path, error, (response.headers or {}).get("X-Request-Id", ""))
                return None
            response.success()
            return result

    def note(self, method: str, path: str, error: Exception, request_id: str) -> None:
        """Log a failure, unless there were many before it."""
        self.shared.logged += 1
        if self.shared.logged <= LOGGED:
            log.error("unexpected", method=method, path=path, error=str(error), request_id=request_id)
