"""What an answer must be, and why one is not. Pure functions."""

import json
from typing import Any

PASSING = frozenset({"pending", "reserved", "paid"})
FINAL = frozenset({"confirmed", "rejected", "payment_failed"})


class UnexpectedError(Exception):
    """An answer that a visitor does not expect, in words without what differs each time."""


def document(status: int, body: str | None, expected: int) -> dict[str, Any]:
    """The JSON object in an answer of the `expected` status. Raises UnexpectedError."""
    found = _parsed(body)
    if status != expected:
        said = "no answer" if status == 0 else f"status {status}"
        kind = f", {found['type']}" if isinstance(found, dict) and "type" in found else ""
        raise UnexpectedError(f"{said} instead of {expected}{kind}")
    if not isinstance(found, dict):
        raise UnexpectedError(f"status {status} as expected, but no JSON object")
    return found


def items(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a list. Raises UnexpectedError."""
    found = page.get("items")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UnexpectedError("a list without items")
    if not isinstance(page.get("total"), int):
        raise UnexpectedError("a list without its total")
    return found


def text(found: dict[str, Any], member: str) -> str:
    """A member that must be a text. Raises UnexpectedError."""
    value = found.get(member)
    if not isinstance(value, str) or not value:
        raise UnexpectedError(f"no {member}")
    return value


def state(order: dict[str, Any], order_id: str) -> str:
    """The state of the order that was asked for. Raises UnexpectedError."""
    if text(order, "id") != order_id:
        raise UnexpectedError("another order than the one asked for")
    found = text(order, "status")
    if found not in PASSING | FINAL:
        raise UnexpectedError(f"an order in the unknown state {found}")
    return found


def _parsed(body: str | None) -> object:
    try:
        found: object = json.loads(body or "")
    except ValueError:
        return None
    return found
