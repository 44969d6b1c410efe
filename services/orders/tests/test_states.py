"""The rules of the states, without a database."""

import itertools

import pytest

from app.states import FAILED, FINAL, STEPS, WAYS, NoSuchWayError, Status, check_way, event_type

ALLOWED = {
    ("pending", "reserved"),
    ("pending", "rejected"),
    ("reserved", "paid"),
    ("reserved", "payment_failed"),
    ("paid", "confirmed"),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status, Status)))
def test_only_the_ways_of_the_contract_are_open(before: Status, after: Status) -> None:
    if (before.value, after.value) in ALLOWED:
        check_way(before, after)
    else:
        with pytest.raises(NoSuchWayError, match=f"{before} → {after}"):
            check_way(before, after)


def test_final_states_are_those_without_a_way_out() -> None:
    assert {status.value for status in FINAL} == {"confirmed", "rejected", "payment_failed"}
    assert FINAL - {Status.CONFIRMED} == FAILED


def test_each_transition_is_one_step() -> None:
    """The history's primary key relies on it."""
    for before, ways in WAYS.items():
        assert {STEPS[after] for after in ways} == {STEPS[before] + 1}


def test_events_are_named_as_the_contract_says() -> None:
    assert [event_type(status) for status in Status] == [
        "orders.placed",
        "orders.reserved",
        "orders.paid",
        "orders.confirmed",
        "orders.rejected",
        "orders.payment_failed",
    ]
