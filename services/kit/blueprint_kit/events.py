"""Events: what services tell each other through the message broker, in the form of CloudEvents' JSON envelope.

Owns the envelope; the services own the types and what `data` holds.
"""

from datetime import UTC
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

MOST_BYTES = 65_536

Time = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]


class Poison(Exception):  # noqa: N818 - it says what the message is
    """A message that can never be handled, whose text says why. A handler may raise it as well."""


class Event(BaseModel):
    """Something that happened to an order. `id` is the same however often the event is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: UUID
    type: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", max_length=100, description="also its subject")
    at: Time
    order_id: UUID
    request_id: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._:-]{1,128}$", description="of the request that began it"
    )
    data: dict[str, JsonValue]

    def encode(self) -> bytes:
        """The event as the body of a message. Raises ValueError if it is too large."""
        body = self.model_dump_json().encode()
        if len(body) > MOST_BYTES:
            raise ValueError(f"the event {self.id} has {len(body)} bytes; at most {MOST_BYTES} are allowed")
        return body


def decode(subject: str, body: bytes) -> Event:
    """The event that was sent to `subject`. Raises Poison."""
    if len(body) > MOST_BYTES:
        raise Poison(f"it has {len(body)} bytes; at most {MOST_BYTES} are allowed")
    try:
        event = Event.model_validate_json(body)
    except ValidationError as error:
        raise Poison("it is not an event: " + "; ".join(_said(item) for item in error.errors())) from None
    if event.type != subject:
        raise Poison(f"it is an event of type {event.type}, which was sent to {subject}")
    return event


def _said(item: object) -> str:
    place, message = item["loc"], item["msg"]  # type: ignore[index]
    return f"{'.'.join(map(str, place)) or 'the whole'}: {message}"
