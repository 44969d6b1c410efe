"""The shop at work: what goes on beside a test while it looks."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from tests.cluster.shop import DECLINED, PLENTY, SCARCE, Shop

AGAIN_SECONDS = 2
END_SECONDS = 30


@contextmanager
def again_and_again(act: Callable[[], object], seconds: float = AGAIN_SECONDS) -> Iterator[None]:
    """Does it every few seconds until the body of the `with` ends. What it raises ends it, and is raised at the end."""
    ended, failures = threading.Event(), list[Exception]()

    def run() -> None:
        while not ended.is_set():
            try:
                act()
            except Exception as error:  # whatever it is, it is raised where somebody waits for it
                failures.append(error)
                return
            ended.wait(seconds)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=END_SECONDS)
    if failures:
        raise failures[0]


def orders(shop: Shop) -> Callable[[], None]:
    """Places orders that end in each way, confirmed, rejected and declined, and looks whether they were told of."""

    def place() -> None:
        with httpx.Client(timeout=15) as http:
            for sku in (PLENTY, SCARCE, DECLINED):
                Shop(shop.url, http).place([(sku, 1)])
            http.get(f"{shop.url}/api/notifications", params={"size": 1}).raise_for_status()

    return place
