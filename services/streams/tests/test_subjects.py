"""Which subjects a pattern is for."""

import pytest

from app.subjects import covers, overlap, overlapping


@pytest.mark.parametrize(
    ("pattern", "subject", "both"),
    [
        ("orders.>", "orders.placed", True),
        ("orders.>", "orders.placed.late", True),
        ("orders.>", "orders.>", True),
        ("orders.>", "orders.*", True),
        ("orders.>", "orders", False),
        ("orders.>", "dead.placed", False),
        ("orders.*", "orders.placed", True),
        ("orders.*", "orders.placed.late", False),
        ("orders.*", "orders.>", False),
        ("orders.*", "orders", False),
        ("orders.placed", "orders.placed", True),
        ("orders.placed", "orders.paid", False),
        ("orders.placed", "orders.*", False),
        (">", "orders.placed", True),
    ],
)
def test_covers(pattern: str, subject: str, both: bool) -> None:
    assert covers(pattern, subject) is both


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("orders.>", "dead.>", False),
        ("orders.>", "orders.placed", True),
        ("orders.>", "orders", False),
        ("orders.*", "*.placed", True),
        ("orders.*", "orders.placed.late", False),
        ("orders.*.late", "orders.placed.>", True),
        ("orders.paid", "orders.placed", False),
    ],
)
def test_overlap(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is both


def test_first_two_that_overlap_are_named() -> None:
    assert overlapping(["a.>", "b.>", "b.c"]) == ("b.>", "b.c")
    assert overlapping(["a.>", "b.>"]) is None
