"""The receipts on the disk: once each, whole, and there for good when `keep` returns."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blueprint_testing.crashes import crashes, steps
from confirmed import new_order_id, new_receipt
from disks import Disk

from app.receipts import ABANDONED_SECONDS, ASIDE, Receipts, ReceiptsUnavailable, find_page, keep, name_of, read
from app.schemas import Notification


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_receipt_is_a_file_named_after_its_order(folder: Path) -> None:
    receipt = new_receipt()
    assert keep(folder, receipt)
    assert files(folder) == [f"{receipt.order_id}.json"]
    kept = json.loads((folder / name_of(receipt.order_id)).read_text())
    assert Notification.model_validate(kept) == receipt
    assert set(kept) == {"id", "order_id", "kind", "at", "customer", "total", "items"}


def test_first_receipt_of_an_order_stays(folder: Path) -> None:
    first = new_receipt()
    assert keep(folder, first)
    assert not keep(folder, first)
    assert not keep(folder, new_receipt(first.order_id, customer="Bob"))
    assert read(folder / name_of(first.order_id)) == first
    assert len(files(folder)) == 1


def test_one_of_many_at_once_writes_the_receipt(folder: Path) -> None:
    """Each of them finds that there is none, and only then they write."""
    order_id, barrier = new_order_id(), threading.Barrier(8)

    def write(number: int) -> bool:
        receipt = new_receipt(order_id, customer=f"customer {number}")
        barrier.wait()
        return keep(folder, receipt)

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write, range(8)))
    assert sum(written) == 1
    found = read(folder / name_of(order_id))
    assert found is not None
    assert found.customer == f"customer {written.index(True)}"
    assert len(files(folder)) == 1


def test_receipt_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_kept(folder: Path) -> None:
    receipt = new_receipt()
    kept = ["open", "fsync", "os.link", "os.remove", "open", "fsync.folder"]
    assert steps(folder, lambda: keep(folder, receipt)) == kept
    assert steps(folder, lambda: keep(folder, receipt)) == ["open", "fsync.folder"]


def test_crash_between_any_two_steps_leaves_the_receipt_whole_or_not_at_all(folder: Path) -> None:
    receipt = new_receipt()
    path = folder / name_of(receipt.order_id)
    crashed = 0
    for crashed in crashes(folder, lambda: keep(folder, receipt)):
        found = find_page(folder, 1, 100)
        assert list(found.receipts) == ([receipt] if path.exists() else []), f"at step {crashed}"
        assert not keep(folder, receipt) or read(path) == receipt, "the event comes again"
        assert read(path) == receipt
        path.unlink()
    assert crashed == 5
    assert read(path) == receipt


async def test_what_a_dead_process_left_aside_is_no_receipt_and_is_removed_when_it_is_old(folder: Path) -> None:
    for name in ("old", "new"):
        (folder / f"{ASIDE}{name}").write_text("half a rec")
    old = time.time() - ABANDONED_SECONDS - 1
    os.utime(folder / f"{ASIDE}old", (old, old))
    assert find_page(folder, 1, 100).total == 0

    await Receipts(folder).tidy()
    assert files(folder) == [f"{ASIDE}new"]


def test_pages_have_every_receipt_once_newest_first(folder: Path) -> None:
    times = [5, 1, 9, 3, 7, 2, 8, 4, 6, 10, 11]
    for time_of_order in times:
        assert keep(folder, new_receipt(new_order_id(time_of_order), customer=str(time_of_order)))
    pages = [find_page(folder, page, 4) for page in (1, 2, 3, 4)]
    assert [[receipt.customer for receipt in page.receipts] for page in pages] == [
        ["11", "10", "9", "8"],
        ["7", "6", "5", "4"],
        ["3", "2", "1"],
        [],
    ]
    assert {page.total for page in pages} == {11}


def test_damaged_receipt_is_left_out_and_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = new_receipt(new_order_id(1)), new_receipt(new_order_id(2))
    for receipt in (good, bad):
        keep(folder, receipt)
    path = folder / name_of(bad.order_id)
    path.write_text('{"id":')
    assert list(find_page(folder, 1, 20).receipts) == [good]
    assert str(path) in capsys.readouterr().out


def test_what_is_no_receipt_is_not_listed(folder: Path) -> None:
    receipt = new_receipt()
    keep(folder, receipt)
    (folder / "lost+found").mkdir()
    (folder / "note.json").write_text("{}")
    (folder / f"{receipt.order_id}.json.bak").write_text("{}")
    assert find_page(folder, 1, 20).total == 1


async def test_full_disk_is_said_and_leaves_nothing_behind(disk: Disk) -> None:
    receipts, receipt = Receipts(disk.folder), new_receipt()
    await receipts.check()
    disk.fill()
    with pytest.raises(OSError, match="No space left on device"):
        await receipts.check()
    with pytest.raises(ReceiptsUnavailable) as refused:
        await receipts.keep(receipt)
    assert "No space left on device" in str(refused.value.__cause__)
    assert files(disk.folder) == ["filling"]
    disk.empty()
    await receipts.check()
    assert await receipts.keep(receipt)


async def test_read_only_disk_still_shows_what_is_there(disk: Disk) -> None:
    receipts, receipt = Receipts(disk.folder), new_receipt()
    assert await receipts.keep(receipt)
    with disk.read_only():
        with pytest.raises(OSError, match="Read-only file system"):
            await receipts.check()
        with pytest.raises(ReceiptsUnavailable):
            await receipts.keep(new_receipt())
        assert await receipts.find_order(receipt.order_id) == receipt
        assert (await receipts.find_page(1, 20)).total == 1
    await receipts.check()


async def test_folder_that_is_gone_is_said(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(ReceiptsUnavailable):
        await Receipts(folder).find_page(1, 20)
