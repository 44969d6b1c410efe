"""From events to sales: reads what is new in the stream and counts it, some hundred at a time."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from pydantic import ValidationError

from app.ledger import Ledger, Position
from app.sales import Sale, day_of
from blueprint_kit.logs import logger
from blueprint_kit.messages import Event

STREAM, SUBJECT = "ORDERS", "orders.confirmed"
SAVE_EACH = 500  # messages, so that a long reading that breaks off was not for nothing

Message = tuple[int, Event | None]

log = logger(__name__)


class Reads(Protocol):
    """What is used of `Messages`."""

    def read_from(self, stream: str, subject: str, sequence: int) -> AsyncIterator[Message]:
        """The messages from a number on."""


@dataclass
class Counted:
    """What a run did: messages read, orders counted, those that were counted before, and what is no sale."""

    read: int = 0
    counted: int = 0
    repeated: int = 0
    skipped: int = 0
    days: set[date] = field(default_factory=set)


async def count(messages: Reads, ledger: Ledger, so_far: Counted) -> None:
    """Count what is new, and add to `so_far` what was done. Raises MessagesUnavailable: what was saved stays."""
    position = ledger.position()
    async with aclosing(_new(messages, position)) as new:
        async for number, event in new:
            _count_one(ledger, number, event, so_far)
            position = Position(sequence=number, event=event.id if event else None)
            if so_far.read % SAVE_EACH == 0:
                so_far.days |= ledger.save(position)
    so_far.days |= ledger.save(position)


async def _new(messages: Reads, position: Position) -> AsyncGenerator[Message, None]:
    """The messages after the position.

    The one at the position is read first. If it is another one, or gone, the stream is not the one that was counted, or
    all that was counted is too old for it: then all its messages are read.
    """
    if position.sequence:
        source = messages.read_from(STREAM, SUBJECT, position.sequence)
        if await _is_at(source, position):
            async for message in source:
                yield message
            return
        log.warning(
            "the stream does not go on where the last report ended; it is read anew", sequence=position.sequence
        )
    async for message in messages.read_from(STREAM, SUBJECT, 1):
        yield message


async def _is_at(source: AsyncIterator[Message], position: Position) -> bool:
    async for number, event in source:
        return (number, event.id if event else None) == (position.sequence, position.event)
    return False


def _count_one(ledger: Ledger, number: int, event: Event | None, so_far: Counted) -> None:
    so_far.read += 1
    sale = _sale_of(number, event)
    if event is None or sale is None:
        so_far.skipped += 1
    elif ledger.add(day_of(event), event.order_id, sale):
        so_far.counted += 1
    else:
        so_far.repeated += 1


def _sale_of(number: int, event: Event | None) -> Sale | None:
    """What an event says of a sale; None, and a line in the log, if it says none."""
    if event is None:
        log.warning("skipped what is no event", stream=STREAM, sequence=number)
        return None
    try:
        return Sale.model_validate(event.data)
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        log.warning("skipped what is no sale", stream=STREAM, sequence=number, event_id=str(event.id), error=why)
        return None
