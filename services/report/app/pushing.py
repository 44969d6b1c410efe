"""The sales as metrics at the Pushgateway, which keeps them for Prometheus when this program has ended.

A push replaces all that the report pushed before, so days that are not shown any more are gone there too.
https://github.com/prometheus/pushgateway#put-method
"""

import asyncio
from collections.abc import Sequence

import httpx
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from app.sales import Day
from blueprint_kit.logs import logger
from blueprint_kit.outbound import CallPolicy, Upstream
from blueprint_kit.problems import Problem

PATH = b"/metrics/job/report"
ATTEMPTS = 4
PAUSE_SECONDS = 0.5  # after the first attempt, doubled with each
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

log = logger(__name__)


class PushError(Exception):
    """The Pushgateway does not take the metrics."""


def metrics_of(days: Sequence[Day], now: float) -> bytes:
    """The metrics of `days`, in Prometheus' text format; `now` in seconds since 1970."""
    registry = CollectorRegistry()
    orders = Gauge("report_orders", "Confirmed orders of a day in UTC.", ["day"], registry=registry)
    amount = Gauge(
        "report_sales_amount", "What they amount to, in the currency's unit.", ["day", "currency"], registry=registry
    )
    success = Gauge("report_last_success_timestamp_seconds", "When the last report was done.", registry=registry)
    success.set(now)
    for day in days:
        orders.labels(day.day.isoformat()).set(len(day.orders))
        for currency, total in day.totals.items():
            amount.labels(day.day.isoformat(), currency).set(float(total))
    return generate_latest(registry)


async def push(url: str, metrics: bytes, seconds: float) -> None:
    """Bring `metrics` to the Pushgateway at `url`, in a few attempts of `seconds` each. Raises PushError."""
    upstream = Upstream(url, CallPolicy(head_seconds=seconds, read_seconds=seconds))
    try:
        for attempt in range(1, ATTEMPTS + 1):
            why = await _attempt(upstream, url, metrics)
            if why is None:
                return
            log.warning("not pushed", url=url, attempt=attempt, error=why)
            if attempt < ATTEMPTS:
                await asyncio.sleep(PAUSE_SECONDS * 2.0 ** (attempt - 1))
    finally:
        await upstream.aclose()
    raise PushError(f"{url} did not take the metrics in {ATTEMPTS} attempts: {why}")


async def _attempt(upstream: Upstream, url: str, metrics: bytes) -> str | None:
    """Why the metrics could not be pushed now; None if they are. Raises PushError if they never can."""
    target = httpx.URL(url).copy_with(raw_path=PATH)
    request = httpx.Request("PUT", target, headers={"Content-Type": MEDIA_TYPE}, content=metrics)
    try:
        response = await upstream.handle_async_request(request)
    except Problem as error:
        return str(error.detail)
    try:
        said = (await response.aread())[:200].decode(errors="replace").strip()
    except httpx.TransportError as error:
        return f"it broke off its answer: {error!r}"
    finally:
        await response.aclose()
    if response.is_success:
        return None
    answer = f"it answered with {response.status_code}: {said}"
    if response.is_server_error or response.status_code == 429:
        return answer
    raise PushError(f"{url} refuses the metrics: {answer}; see that PUSHGATEWAY_URL names a Pushgateway")
