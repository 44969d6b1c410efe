"""One report: count what is new, say the sales, push them. Waits, but not for ever, for what is not there."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

from app.counting import Counted, count
from app.ledger import Ledger, LockedError
from app.pushing import metrics_of, push
from app.sales import Day
from app.settings import ReportSettings
from blueprint_kit.logs import logger
from blueprint_kit.messages import Messages, MessagesUnavailable

PAUSE_SECONDS = 1.0

log = logger(__name__)


class Patience:
    """The time that all waiting together may take."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    async def wait(self, why: Exception) -> None:
        """Wait a little, or raise `why` if there is no time left."""
        if time.monotonic() + PAUSE_SECONDS > self._end:
            raise why
        log.info("waiting", error=str(why.__cause__ or why))
        await asyncio.sleep(PAUSE_SECONDS)


async def report(settings: ReportSettings, days: int) -> None:
    """Make a report that shows `days` days.

    Raises MessagesUnavailable, LedgerError, OSError or PushError. What was counted until then is saved, and the next
    report goes on from there.
    """
    ledger, counted, patience = Ledger(settings.report_folder), Counted(), Patience(settings.report_seconds)
    async with _locked(ledger, patience):
        await _count_all(settings, ledger, counted, patience)
        shown = newest(ledger, days, datetime.now(UTC).date())
        _say(ledger, shown, counted)
        if settings.pushgateway_url:
            await push(settings.pushgateway_url, metrics_of(shown, time.time()), settings.pushgateway_seconds)
            log.info("pushed", url=settings.pushgateway_url)


def newest(ledger: Ledger, days: int, today: date) -> list[Day]:
    """The sales of the last `days` days, today the last; days without sales are left out."""
    dates = [today - timedelta(days=back) for back in reversed(range(days))]
    return [day for day in map(ledger.day, dates) if day is not None]


@asynccontextmanager
async def _locked(ledger: Ledger, patience: Patience) -> AsyncIterator[None]:
    while True:
        try:
            with ledger.locked():
                yield
                return
        except LockedError as error:
            await patience.wait(error)


async def _count_all(settings: ReportSettings, ledger: Ledger, counted: Counted, patience: Patience) -> None:
    messages = Messages(settings)
    await messages.open()
    try:
        while True:
            try:
                return await count(messages, ledger, counted)
            except MessagesUnavailable as error:
                await patience.wait(error)
    finally:
        await messages.close()


def _say(ledger: Ledger, shown: list[Day], counted: Counted) -> None:
    """One line for each day that is shown or has changed, then one for all."""
    older = [day for day in map(ledger.day, sorted(counted.days - {day.day for day in shown})) if day is not None]
    for day in [*older, *shown]:
        totals = {currency: f"{total:.2f}" for currency, total in day.totals.items()}
        units, changed = sum(day.units.values()), day.day in counted.days
        log.info("sales", day=day.day.isoformat(), orders=len(day.orders), totals=totals, units=units, changed=changed)
    log.info(
        "report",
        read=counted.read,
        counted=counted.counted,
        repeated=counted.repeated,
        skipped=counted.skipped,
        changed_days=len(counted.days),
        position=ledger.position().sequence,
    )
