"""Times by RFC 3339, and what only looks like one."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from blueprint_kit.times import Time


class Event(BaseModel):
    at: Time


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-28T08:00:00Z", "2026-11-28T08:00:00Z"),
        ("2026-11-28T08:00:00.5+02:00", "2026-11-28T06:00:00.500000Z"),
        ("2026-11-28T08:00:00.123456789Z", "2026-11-28T08:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_shown_in_utc(given: str, shown: str) -> None:
    event = Event.model_validate({"at": given})
    assert event.model_dump()["at"] == shown
    assert Event.model_validate_json(event.model_dump_json()) == event


def test_a_time_of_the_program_s_own_is_taken() -> None:
    assert Event(at=datetime(2026, 1, 1, tzinfo=UTC)).model_dump()["at"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "given",
    [
        *(1764316800, 1.5, None, True, "1764316800", "now", ""),
        *("2026-11-28", "2026-11-28T08:00:00", "2026-11-28 08:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z"),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-11-28T08:00:00Z\n"),
    ],
)
def test_what_only_looks_like_one_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate({"at": given})
