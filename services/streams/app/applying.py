"""Brings the broker to what is declared: asks for all of it first, then makes and changes. Never deletes anything.

It may run twice or at the same time, and what it does not come to the next run does.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from nats.js.api import ConsumerConfig, StreamConfig
from nats.js.errors import APIError

from app.declared import Declared
from app.planning import Change, Wanted, change_to, refusals_of, wanted_of
from blueprint_kit.broker import Connection, Link, MessagesSettings
from blueprint_kit.logs import logger
from blueprint_kit.messages import MessagesUnavailable, NotDeclared
from blueprint_kit.settings import Refusal, SettingsError

PAUSE_SECONDS = 1.0
UNAVAILABLE = 503  # JetStream's own "not now"

Answer = TypeVar("Answer")

log = logger(__name__)


@dataclass(frozen=True)
class Applied:
    """How many streams and consumers were made, were changed, and were as declared."""

    created: int
    updated: int
    unchanged: int


async def bring(settings: MessagesSettings, declared: Declared, seconds: float) -> Applied:
    """Bring the broker to what is declared, as soon as it is there.

    Raises SettingsError for what cannot be, and MessagesUnavailable when the broker was not there within `seconds`.
    """
    end = time.monotonic() + seconds
    connection = Connection(settings)
    connection.open()
    try:
        while True:
            try:
                return await apply(await connection.link(), declared)
            except MessagesUnavailable as error:
                if time.monotonic() + PAUSE_SECONDS > end:
                    raise
                log.info("waiting for the broker", error=str(error.__cause__ or error))
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await connection.close()


async def apply(link: Link, declared: Declared) -> Applied:
    """Bring the broker to what is declared, now. If some of it cannot be, nothing is changed."""
    wanted = [part for stream in declared.streams for part in wanted_of(stream)]
    changes = [change for part in wanted if (change := change_to(part, await _found(link, part))) is not None]
    refusals = [refusal for change in changes for refusal in refusals_of(change)]
    if refusals:
        raise SettingsError(refusals)
    for change in changes:
        await _make(link, change)
        _say(change)
    created = sum(change.differences is None for change in changes)
    return Applied(created, len(changes) - created, len(wanted) - len(changes))


async def _found(link: Link, wanted: Wanted) -> StreamConfig | ConsumerConfig | None:
    """What the broker has."""
    try:
        if wanted.kind == "stream":
            stream: StreamConfig = (await link.ask(link.jetstream.stream_info(wanted.name))).config
            return stream
        consumer: ConsumerConfig = (await link.ask(link.jetstream.consumer_info(wanted.stream, wanted.name))).config
        return consumer
    except NotDeclared:
        return None


async def _make(link: Link, change: Change) -> None:
    jetstream = link.jetstream
    if isinstance(change.config, ConsumerConfig):
        await _allowed(change, link.ask(jetstream.add_consumer(change.wanted.stream, change.config)))
    elif change.differences is None:
        await _allowed(change, link.ask(jetstream.add_stream(change.config)))
    else:
        await _allowed(change, link.ask(jetstream.update_stream(change.config)))


async def _allowed(change: Change, asking: Coroutine[Any, Any, Answer]) -> Answer:
    """The broker's answer. Raises SettingsError when it says that this can never be."""
    try:
        return await asking
    except MessagesUnavailable as error:
        answer = error.__cause__
        if not isinstance(answer, APIError) or answer.code == UNAVAILABLE:
            raise
        rule = f"the broker refuses it: {answer.description}"
        remedy = "declare what the broker can give, or give the broker more"
        raise SettingsError([Refusal(_shown(change), rule, remedy)]) from error


def _shown(change: Change) -> str:
    new = ", ".join(f"{name}: {new!r}" for name, (_, new) in (change.differences or {}).items())
    return f"{change.wanted.called} with {new}" if new else change.wanted.called


def _say(change: Change) -> None:
    what = {change.wanted.kind: change.wanted.name}
    if change.differences is None:
        log.info("created", **what)
    else:
        log.info("updated", **what, changes={name: list(pair) for name, pair in change.differences.items()})
