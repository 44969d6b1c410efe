"""Records on the disk: whole or not at all, there for good when they are kept, and bounded."""

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from blueprint_testing.crashes import crashes, steps

from blueprint_kit.records import ASIDE, Most, Record, Records, RecordsUnavailable, require_folder, slice_of
from blueprint_kit.settings import SettingsError

MARK = "0123456789abcdef"
PLENTY = Most(1000, 1_000_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    folder.mkdir()
    return folder


@pytest.fixture
def records(folder: Path) -> Records:
    return Records(folder, PLENTY)


def mark(number: int) -> str:
    return f"{number:016x}"


def contents(records: Records) -> list[bytes | None]:
    return [records.read(record) for record in records.listed()]


def test_a_record_is_a_file_named_by_its_time_and_mark(records: Records, folder: Path) -> None:
    before = datetime.now(UTC)
    record, new = records.keep_now(b"text", MARK)
    assert new
    assert [file.name for file in folder.iterdir()] == [record.id]
    assert Record.of(record.id) == record
    assert before <= record.at <= datetime.now(UTC)
    assert records.read(record) == b"text"


@pytest.mark.parametrize("name", ["", "1", f"1764316800000000-{MARK}\n", f"1764316800000000-{MARK.upper()}", "../x"])
def test_what_is_no_id_is_no_record(name: str) -> None:
    with pytest.raises(ValueError, match="is no record's id"):
        Record.of(name)


def test_the_first_record_of_a_mark_stays(records: Records) -> None:
    first, _ = records.keep_now(b"first", MARK)
    assert records.keep_now(b"second", MARK) == (first, False)
    assert contents(records) == [b"first"]


def test_one_of_many_at_once_is_the_record_of_a_mark(records: Records) -> None:
    barrier = threading.Barrier(8)

    def write(number: int) -> bool:
        barrier.wait()
        return records.keep_now(b"%d" % number, MARK)[1]

    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(write, range(8)))
    assert contents(records) == [b"%d" % new.index(True)]
    assert sum(new) == 1


def test_ids_grow_also_when_the_clock_goes_back(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = records.keep_now(b"1", mark(9))
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    second, _ = records.keep_now(b"2", mark(1))
    assert second.microseconds == first.microseconds + 1
    assert contents(records) == [b"2", b"1"]


def test_records_since_a_time(records: Records) -> None:
    kept = [records.keep_now(b"", mark(number))[0] for number in range(3)]
    assert records.listed(kept[1].at) == [kept[2], kept[1]]
    assert records.listed(datetime(1, 1, 1, tzinfo=UTC)) == kept[::-1]
    assert records.listed(datetime(9999, 1, 1, tzinfo=UTC)) == []


def test_a_record_is_on_the_disk_before_it_has_its_name_and_its_name_before_it_is_kept(
    records: Records, folder: Path
) -> None:
    kept = ["open", "fsync", "os.rename", "open", "fsync.folder"]
    assert steps(folder, lambda: records.keep_now(b"text", MARK)) == kept
    assert steps(folder, lambda: records.keep_now(b"text", MARK)) == ["open", "fsync.folder"]


def test_crash_between_any_two_steps_leaves_the_record_whole_or_not_at_all(records: Records, folder: Path) -> None:
    content = b"text" * 1000
    crashed = 0
    for crashed in crashes(folder, lambda: records.keep_now(content, MARK)):
        assert contents(records) in ([], [content]), f"at step {crashed}"
        record, _ = records.keep_now(content, MARK)
        assert contents(records) == [content], "it comes again"
        (folder / record.id).unlink()
    assert crashed == 4
    assert contents(records) == [content]


def test_crash_while_the_oldest_make_room_takes_no_newer(folder: Path) -> None:
    records = Records(folder, Most(2, 1_000_000))
    kept = [records.keep_now(b"%d" % number, mark(number))[0] for number in range(2)]
    for _ in crashes(folder, lambda: records.keep_now(b"2", mark(2))):
        assert records.read(kept[1]) == b"1"
        assert contents(records) in ([b"1", b"0"], [b"2", b"1", b"0"], [b"2", b"1"])
        if len(contents(records)) < 3 and records.read(kept[0]) is None:
            break


@pytest.mark.parametrize(
    ("most", "left"), [(Most(3, 1000), [b"44", b"33", b"22"]), (Most(9, 5), [b"44", b"33"]), (Most(9, 1), [b"44"])]
)
def test_the_oldest_make_room_and_the_newest_stays(folder: Path, most: Most, left: list[bytes]) -> None:
    records = Records(folder, most)
    for number in range(5):
        records.keep_now(b"%d%d" % (number, number), mark(number))
    assert contents(records) == left


async def test_what_a_dead_process_left_aside_is_no_record_and_is_removed_at_the_start(
    records: Records, folder: Path
) -> None:
    (folder / f"{ASIDE}x").write_text("half a rec")
    (folder / "lost+found").mkdir()
    assert records.listed() == []
    await records.open()
    assert [file.name for file in folder.iterdir()] == ["lost+found"]


async def test_full_disk_is_said_and_leaves_nothing_behind(
    records: Records, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RecordsUnavailable) as refused:
            await records.keep(b"text", MARK)
        with pytest.raises(OSError, match="No space left on device"):
            await records.check()
    assert "No space left on device" in str(refused.value.__cause__)
    assert list(folder.iterdir()) == []
    await records.check()
    assert (await records.keep(b"text", MARK))[1]


async def test_a_failure_to_make_room_is_said_and_the_record_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = Records(folder, Most(1, 1000))
    await records.keep(b"0", mark(0))

    def refused(_path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        assert (await records.keep(b"1", mark(1)))[1]
    assert "old records cannot be removed" in capsys.readouterr().out
    assert contents(records) == [b"1", b"0"]
    await records.open()
    assert contents(records) == [b"1"]


async def test_folder_that_is_gone_is_said(records: Records, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(RecordsUnavailable):
        await records.keep(b"", MARK)
    with pytest.raises(RecordsUnavailable):
        await records.apart(records.listed)
    with pytest.raises(SettingsError, match=r"FOLDER='.*': must be a folder that is there; mount the claim at"):
        require_folder("FOLDER", folder)


def test_slices_have_everything_once() -> None:
    assert ["".join(slice_of("abcde", page, 2).items) for page in (1, 2, 3, 4)] == ["ab", "cd", "e", ""]
    assert slice_of("abcde", 9, 2).total == 5
