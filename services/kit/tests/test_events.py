"""Events: what is one, how it looks on its way, and what is refused."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from blueprint_kit.events import MOST_BYTES, Event, Poison, decode

GOOD: dict[str, Any] = {
    "id": "0198c7a2-0000-7000-8000-000000000001",
    "type": "orders.confirmed",
    "at": "2026-05-01T14:00:00.25+02:00",
    "order_id": "0198c7a2-0000-7000-8000-000000000002",
    "request_id": "given-1",
    "data": {"customer": "Ada", "items": [{"sku": "A-1", "quantity": 2}], "reason": None},
}


def body(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_event_is_read_and_its_time_is_utc() -> None:
    event = decode("orders.confirmed", body())
    assert event.id == UUID(GOOD["id"])
    assert event.at == datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
    assert event.data == GOOD["data"]


def test_encoded_event_is_the_same_when_it_is_read() -> None:
    event = decode("orders.confirmed", body())
    assert json.loads(event.encode())["at"] == "2026-05-01T12:00:00.250000Z"
    assert decode("orders.confirmed", event.encode()) == event


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": "1"}, "id: Input should be a valid UUID"),
        ({"type": "Orders Placed"}, "type: String should match"),
        ({"type": "orders.*"}, "type: String should match"),
        ({"at": "2026-05-01T12:00:00"}, "at: Input should have timezone info"),
        ({"order_id": None}, "order_id: UUID input should be"),
        ({"request_id": "a\r\nX-Evil: 1"}, "request_id: String should match"),
        ({"data": []}, "data: Input should be"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
    ],
)
def test_what_is_no_event_is_poison_that_says_why(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Poison, match=why):
        decode("orders.confirmed", body(**changes))


@pytest.mark.parametrize("given", [b"", b"{", b"[]", b"\xff", b"null"])
def test_bytes_that_are_no_object_are_poison(given: bytes) -> None:
    with pytest.raises(Poison, match="it is not an event: the whole: "):
        decode("orders.confirmed", given)


def test_event_on_another_types_subject_is_poison() -> None:
    with pytest.raises(Poison, match=r"of type orders\.confirmed, which was sent to orders\.placed"):
        decode("orders.placed", body())


def test_event_that_is_too_large_is_neither_sent_nor_read() -> None:
    large = {"customer": "a" * MOST_BYTES}
    with pytest.raises(ValueError, match=f"at most {MOST_BYTES} are allowed"):
        Event(**GOOD | {"data": large}).encode()
    with pytest.raises(Poison, match=f"at most {MOST_BYTES} are allowed"):
        decode("orders.confirmed", body(data=large))
