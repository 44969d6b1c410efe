"""From a stream to the ledger, without a broker."""

import random
from datetime import date
from pathlib import Path

import pytest
from sold import Stream, new_event

from app import counting
from app.counting import Counted, count
from app.ledger import Ledger
from blueprint_kit.messages import MessagesUnavailable

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
LATE, EARLY = "2026-03-02T00:00:01Z", "2026-03-01T23:59:59Z"


async def run(stream: Stream, folder: Path) -> Counted:
    """A report by a new process."""
    counted = Counted()
    await count(stream, Ledger(folder), counted)
    return counted


def totals(folder: Path) -> list[tuple[int, str]]:
    """The orders of both days, and what they amount to."""
    ledger = Ledger(folder)
    days = [ledger.day(FIRST), ledger.day(SECOND)]
    return [(0, "") if day is None else (len(day.orders), f"{day.totals['EUR']:.2f}") for day in days]


@pytest.fixture(autouse=True)
def folder(folder: Path) -> Path:
    with Ledger(folder).locked():
        return folder


async def test_each_order_counts_on_its_day(folder: Path) -> None:
    stream = Stream(new_event(EARLY, "1.10"), new_event(LATE, "2.20"), new_event(EARLY, "3.30"))
    assert await run(stream, folder) == Counted(read=3, counted=3, days={FIRST, SECOND})
    assert totals(folder) == [(2, "4.40"), (1, "2.20")]


async def test_next_run_reads_only_what_is_new(folder: Path) -> None:
    stream = Stream(new_event(EARLY, "1.00"), new_event(EARLY, "2.00"))
    await run(stream, folder)
    assert await run(stream, folder) == Counted()
    stream.messages[9] = new_event(LATE, "3.00")  # numbers have gaps: other subjects
    assert await run(stream, folder) == Counted(read=1, counted=1, days={SECOND})
    assert stream.asked == [1, 2, 2]
    assert totals(folder) == [(2, "3.00"), (1, "3.00")]


async def test_duplicates_and_any_order_give_the_same(folder: Path) -> None:
    events = [new_event(at, f"{number}.00") for number, at in enumerate([EARLY, LATE] * 10)]
    mixed = events * 3
    random.Random(1).shuffle(mixed)  # noqa: S311 - any order, the same in each run
    assert await run(Stream(*mixed), folder) == Counted(60, 20, 40, 0, {FIRST, SECOND})
    assert totals(folder) == [(10, "90.00"), (10, "100.00")]


async def test_what_is_no_event_and_what_is_no_sale_is_skipped_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = new_event(EARLY, items="none")
    stream = Stream(None, bad, new_event(EARLY), None)
    assert await run(stream, folder) == Counted(read=4, counted=1, skipped=3, days={FIRST})
    said = capsys.readouterr().out
    assert "skipped what is no event" in said
    assert str(bad.id) in said
    assert await run(stream, folder) == Counted(), "also after a last one that is no event"


async def test_reading_that_breaks_off_goes_on_from_what_is_saved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "SAVE_EACH", 4)
    stream = Stream(*(new_event(EARLY, "1.00") for _ in range(10)))
    stream.broken_at = 7
    with pytest.raises(MessagesUnavailable):
        await run(stream, folder)
    assert Ledger(folder).position().sequence == 4
    assert totals(folder)[0] == (4, "4.00")
    assert (await run(stream, folder)).counted == 6
    assert totals(folder)[0] == (10, "10.00")


async def test_same_process_goes_on_after_a_break(folder: Path) -> None:
    """What it had counted in memory is neither lost nor counted twice."""
    stream, ledger, counted = Stream(*(new_event(EARLY, "1.00") for _ in range(10))), Ledger(folder), Counted()
    stream.broken_at = 7
    with pytest.raises(MessagesUnavailable):
        await count(stream, ledger, counted)
    await count(stream, ledger, counted)
    assert (counted.counted, counted.days) == (10, {FIRST})
    assert totals(folder)[0] == (10, "10.00")


async def test_other_stream_with_the_same_numbers_is_read_from_its_beginning(folder: Path) -> None:
    """The stream was lost and made anew: its numbers say nothing about what was counted."""
    await run(Stream(*(new_event(EARLY, "1.00") for _ in range(3))), folder)
    again = Stream(*(new_event(LATE, "5.00") for _ in range(5)))
    assert (await run(again, folder)).counted == 5
    assert totals(folder) == [(3, "3.00"), (5, "25.00")]


async def test_shorter_stream_is_read_from_its_beginning(folder: Path) -> None:
    await run(Stream(*(new_event(EARLY, "1.00") for _ in range(3))), folder)
    assert (await run(Stream(new_event(LATE, "5.00")), folder)).counted == 1
    assert Ledger(folder).position().sequence == 1


async def test_what_was_counted_may_be_gone_from_the_stream(folder: Path) -> None:
    stream = Stream(*(new_event(EARLY, "1.00") for _ in range(3)))
    await run(stream, folder)
    stream.messages = {5: new_event(LATE, "2.00")}
    assert (await run(stream, folder)).counted == 1
    stream.messages = {}
    assert (await run(stream, folder)).read == 0
    assert totals(folder) == [(3, "3.00"), (1, "2.00")]
    assert Ledger(folder).position().sequence == 5
