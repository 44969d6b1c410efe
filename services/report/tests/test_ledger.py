"""The files: what they hold, and that no crash makes them wrong."""

import json
import os
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from blueprint_testing.crashes import crashes, steps
from sold import new_sale

from app.ledger import Ledger, LedgerError, LockedError, Position

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
ORDERS = [UUID(int=number) for number in range(4)]
POSITION = Position(sequence=4, event=uuid4())


def count(folder: Path) -> None:
    """A run: two orders of each of two days, each sum 30.00, then the position."""
    ledger = Ledger(folder)
    with ledger.locked():
        for number, order_id in enumerate(ORDERS):
            ledger.add((FIRST, SECOND)[number % 2], order_id, new_sale(("10.00", "20.00")[number // 2]))
        ledger.save(POSITION)


def amounts(folder: Path) -> list[str]:
    ledger = Ledger(folder)
    days = [ledger.day(FIRST), ledger.day(SECOND)]
    return ["" if day is None else f"{day.totals['EUR']:.2f}" for day in days]


def test_files_are_the_contract(folder: Path) -> None:
    count(folder)
    assert json.loads((folder / "position.json").read_text()) == {"sequence": 4, "event": str(POSITION.event)}
    assert json.loads((folder / "sales" / "2026-03-01.json").read_text()) == {
        "day": "2026-03-01",
        "orders": {
            str(ORDERS[0]): {"amount": "10.00", "currency": "EUR"},
            str(ORDERS[2]): {"amount": "20.00", "currency": "EUR"},
        },
        "totals": {"EUR": "30.00"},
        "units": {"MUG": 4},
    }
    assert sorted(path.name for path in folder.rglob("*.json")) == [
        "2026-03-01.json",
        "2026-03-02.json",
        "position.json",
    ]


def test_counted_again_is_the_same(folder: Path) -> None:
    count(folder)
    before = {path: path.read_text() for path in folder.rglob("*.json")}
    count(folder)
    assert {path: path.read_text() for path in folder.rglob("*.json")} == before


def test_only_days_that_changed_are_written(folder: Path) -> None:
    count(folder)
    ledger = Ledger(folder)
    untouched = (folder / "sales" / "2026-03-01.json").stat()
    assert not ledger.add(FIRST, ORDERS[0], new_sale())
    assert ledger.add(SECOND, uuid4(), new_sale())
    assert ledger.save(POSITION) == {SECOND}
    assert ledger.save(POSITION) == set()
    assert (folder / "sales" / "2026-03-01.json").stat().st_ino == untouched.st_ino


def test_position_is_written_last_and_each_file_is_on_the_disk_before_it_has_its_name(folder: Path) -> None:
    with Ledger(folder).locked():
        pass
    replaced = ["open", "fsync", "os.rename"]
    lock, read = ["open", "os.mkdir"], ["open", "open"]
    synced = ["open", "fsync.folder"]
    expected = [*lock, *read, *replaced, *replaced, *synced, *replaced, *synced]
    assert steps(folder, lambda: count(folder)) == expected


def test_crash_between_any_two_steps_is_made_good_by_the_next_run(folder: Path) -> None:
    crashed = 0
    for crashed in crashes(folder, lambda: count(folder)):
        ledger = Ledger(folder)
        whole = {"30.00"} if ledger.position() == POSITION else {"30.00", ""}
        assert set(amounts(folder)) <= whole, f"at step {crashed}"
        assert ledger.position() in (Position(), POSITION)
        count(folder)
        assert amounts(folder) == ["30.00", "30.00"]
        assert ledger.position() == POSITION
        clear(folder)
    assert crashed >= 15
    assert amounts(folder) == ["30.00", "30.00"]


def clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_one_process_at_a_time(folder: Path) -> None:
    with Ledger(folder).locked(), pytest.raises(LockedError, match="another report counts"), Ledger(folder).locked():
        pass
    with Ledger(folder).locked():
        pass


def test_dead_process_holds_no_lock(folder: Path) -> None:
    process = os.fork()
    if process == 0:
        with Ledger(folder).locked():
            os._exit(0)
    os.waitpid(process, 0)
    with Ledger(folder).locked():
        pass


@pytest.mark.parametrize("content", ["", "{", '{"sequence":-1,"event":null}', '{"sequence":"4"}', '{"at":4}'])
def test_damaged_position_only_costs_time(folder: Path, content: str) -> None:
    count(folder)
    (folder / "position.json").write_text(content)
    assert Ledger(folder).position() == Position()
    count(folder)
    assert amounts(folder) == ["30.00", "30.00"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('"totals":{"EUR":"30.00"}', '"totals":{"EUR":"31.00"}', "its totals must be the sums of its orders"),
        ('"MUG":4', '"MUG":-4', "units.MUG: Input should be greater than or equal to 1"),
        ("}", "", "the whole: Invalid JSON"),
    ],
)
def test_damaged_day_is_refused_with_the_remedy(folder: Path, old: str, new: str, rule: str) -> None:
    count(folder)
    path = folder / "sales" / "2026-03-01.json"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(LedgerError) as refused:
        Ledger(folder).add(FIRST, uuid4(), new_sale())
    assert str(path) in str(refused.value)
    assert rule in str(refused.value)
    path.unlink()
    (folder / "position.json").unlink()
    count(folder)
    assert amounts(folder) == ["30.00", "30.00"], "as the remedy says"
