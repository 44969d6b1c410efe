"""The tasks beside the requests: they run, they outlive failures, they end, and one that ended is seen."""

import asyncio

import pytest
from blueprint_testing import eventually

from blueprint_kit import background
from blueprint_kit.background import Background, repeat
from blueprint_kit.problems import Problem


async def test_tasks_run_until_the_block_ends() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    watched = Background()
    async with watched.running({"one": work(), "two": work()}):
        await asyncio.sleep(0)
        await watched.check()
    assert ended == [True, True]


async def test_task_that_ended_is_named_with_its_reason() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    watched = Background()
    async with watched.running({"good": asyncio.Event().wait(), "bad": fail()}):  # type: ignore[dict-item]
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match=r"\{'bad': \"ValueError\('broken'\)\"\}"):
            await watched.check()


async def test_task_that_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "END_SECONDS", 0.05)
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while lost < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1

    async with asyncio.timeout(5):
        async with Background().running({"stubborn": stubborn()}):
            await asyncio.sleep(0)
    assert lost == 2


async def test_work_is_repeated_whatever_it_fails_with() -> None:
    failures: list[Exception] = [Problem(503, "away"), ValueError("broken")]
    done = 0

    async def work() -> None:
        nonlocal done
        if failures:
            raise failures.pop(0)
        done += 1

    async def went_on() -> bool:
        return done >= 2

    async with Background().running({"work": repeat(0.01, work)}):
        await eventually(went_on)
