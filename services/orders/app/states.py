"""The states of an order and the ways between them. Pure: owns the rules, not the rows.

pending → reserved → paid → confirmed
   ↓         ↓
rejected  payment_failed
"""

from enum import StrEnum


class Status(StrEnum):
    """The state of an order."""

    PENDING = "pending"
    RESERVED = "reserved"
    PAID = "paid"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    PAYMENT_FAILED = "payment_failed"


WAYS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RESERVED, Status.REJECTED}),
    Status.RESERVED: frozenset({Status.PAID, Status.PAYMENT_FAILED}),
    Status.PAID: frozenset({Status.CONFIRMED}),
}

FINAL = frozenset(Status) - WAYS.keys()
FAILED = frozenset({Status.REJECTED, Status.PAYMENT_FAILED})

# How many transitions lead to a state. Each state has one such number, so each order has one state for each number.
STEPS: dict[Status, int] = {
    Status.PENDING: 0,
    Status.RESERVED: 1,
    Status.REJECTED: 1,
    Status.PAID: 2,
    Status.PAYMENT_FAILED: 2,
    Status.CONFIRMED: 3,
}


class NoSuchWayError(Exception):
    """A transition that the rules do not have: an error of this program."""

    def __init__(self, before: Status, after: Status) -> None:
        allowed = ", ".join(sorted(WAYS.get(before, ()))) or "nothing"
        super().__init__(f"{before} → {after}: after {before} comes {allowed}")


def check_way(before: Status, after: Status) -> None:
    """Raise NoSuchWayError unless an order may go from `before` to `after`."""
    if after not in WAYS.get(before, ()):
        raise NoSuchWayError(before, after)


def event_type(status: Status) -> str:
    """The type, and subject, of the event that tells that an order came into a state."""
    return "orders.placed" if status is Status.PENDING else f"orders.{status.value}"
