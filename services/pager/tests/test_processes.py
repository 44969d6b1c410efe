"""The program itself, killed while it is paged: what it answered for is there after the next start, and once."""

import asyncio
import json
import signal
from pathlib import Path

import httpx
import pytest
from blueprint_testing import client
from blueprint_testing.processes import serving, started
from paging import new_alert, new_notification

SERVICE = Path(__file__).parents[1]


def settings_of(folder: Path) -> dict[str, object]:
    return {"pages_folder": folder, "pages_kept": 100_000, "pages_kept_bytes": 10**9}


async def page_until_refused(url: str, begin: int, step: int, answered: set[str]) -> None:
    """One notification after the other, each of a group of its own; `answered` gets the group of each that was kept."""
    async with client(url) as asking:
        number = begin
        while True:
            key = f"group {number}"
            try:
                answer = await asking.post("/alerts", json=new_notification(new_alert(), groupKey=key))
            except httpx.TransportError:
                return
            assert answer.status_code == 200
            answered.add(key)
            number += step


async def shown(url: str) -> list[str]:
    async with client(url) as asking:
        found: list[str] = []
        for page in range(1, 100):
            items = (await asking.get(f"/api/pages?page={page}&size=100")).json()["items"]
            if not items:
                break
            found += [item["group_key"] for item in items]
    return found


async def check_killed(folder: Path, times: int) -> None:
    answered: set[str] = set()
    for number in range(times):
        async with serving(SERVICE, settings_of(folder)) as served:
            paging = [
                asyncio.create_task(page_until_refused(served.url, 10_000 * number + first, 4, answered))
                for first in range(4)
            ]
            await asyncio.sleep(0.4 + 0.037 * number)
            await served.kill()
            await asyncio.wait_for(asyncio.gather(*paging), 20)
        assert served.process.returncode == -signal.SIGKILL
        async with serving(SERVICE, settings_of(folder)) as served, client(served.url) as one:
            for key in sorted(answered)[:20]:
                again = await one.post("/alerts", json=new_notification(new_alert(), groupKey=key))
                assert not again.json()["new"]
            found = await shown(served.url)
        assert set(found) >= answered
        assert len(set(found)) == len(found)
        assert served.process.returncode == 0


async def test_process_that_is_killed_has_what_it_answered_for_once(folder: Path) -> None:
    await check_killed(folder, 1)


@pytest.mark.thorough
async def test_process_that_is_killed_again_and_again_has_what_it_answered_for_once(folder: Path) -> None:
    await check_killed(folder, 8)


async def test_refused_settings_end_the_process_with_78(folder: Path) -> None:
    process = await started(SERVICE, settings_of(folder / "nothing"))
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    line = json.loads(output)
    assert process.returncode == 78
    assert line["value"] == f"PAGES_FOLDER='{folder / 'nothing'}'"
    assert line["remedy"] == f"mount the claim at {folder / 'nothing'}, or set PAGES_FOLDER"
