"""Times as services take and show them: RFC 3339 with an offset, and nothing that only looks like one."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer

_RULE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def _is_one(value: Any) -> Any:
    """Pydantic would take numbers and dates as well."""
    if isinstance(value, str) and not _RULE.fullmatch(value):
        raise ValueError("must be a time as RFC 3339 has it, such as 2026-11-28T08:00:00Z")
    if not isinstance(value, str | datetime):
        raise ValueError("must be a text")
    return value


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999 in UTC too") from None


def shown(time: datetime) -> str:
    """The time in UTC, with a Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


Time = Annotated[
    AwareDatetime, BeforeValidator(_is_one), AfterValidator(_in_utc), PlainSerializer(shown, return_type=str)
]
