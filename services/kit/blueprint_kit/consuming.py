"""The work on one durable consumer of JetStream: take a message, handle it, tell the server how that went.

Needs the extra `messages`; `Messages.consume` is what services use. A message is answered only after it was handled, so
it may be handled more than once, in any order, but never not at all. Nothing is fetched ahead: what this process does
not work on yet, another one can.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from prometheus_client import Counter, Histogram

from blueprint_kit.broker import Connection, Link, MessagesUnavailable
from blueprint_kit.deliveries import ACK, IN_PROGRESS, TERM, Failures, Verdict, dead_letter, is_passing, nak, pause
from blueprint_kit.events import Event, Poison, decode
from blueprint_kit.logs import bind_request_id, logger
from blueprint_kit.metrics import SECONDS

PULL_SECONDS = 5.0
PAUSE_SECONDS = 1.0  # before looking again for a consumer that is missing
ANSWER_SECONDS = 20.0  # how long to try to tell a verdict, by one connection or the next
ANSWER_PAUSE_SECONDS = 0.2
FINISH_SECONDS = 5.0  # for the messages in hand, once the work is to stop
ACK_WAIT_SECONDS = 30.0  # JetStream's own default

CONSUMED = Counter(
    "messages_consumed_total",
    "Messages taken: handled, postponed, failed, dead, or unanswered (they come again).",
    ["consumer", "outcome"],
)
HANDLING = Histogram("messages_handling_seconds", "Time to handle a message.", ["consumer"], buckets=SECONDS)

Handle = Callable[[Event], Awaitable[None]]

log = logger(__name__)


@dataclass(frozen=True)
class Work:
    """Which consumer of which stream, what is done with each event, how many at once, and how often one may fail."""

    stream: str
    consumer: str
    handle: Handle
    concurrency: int
    attempts: int


class Consuming:
    """One process's part of the work. `run` ends only by being cancelled, after it finished what is in hand."""

    def __init__(self, connection: Connection, work: Work) -> None:
        self._connection = connection
        self._work = work
        self._slots = asyncio.Semaphore(work.concurrency)
        self._hands = set[asyncio.Task[None]]()
        self._failures = Failures()
        self._trouble = ""

    async def run(self) -> None:
        """Work until cancelled. Waits while there is no connection or the consumer is missing."""
        try:
            while True:
                try:
                    await self._pull(await self._connection.wait())
                except MessagesUnavailable as error:
                    self._say(error)
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await self._finish()

    async def _pull(self, link: Link) -> None:
        """Take messages of one link until it is lost or the consumer is gone (MessagesUnavailable)."""
        work = self._work
        info = await link.ask(link.jetstream.consumer_info(work.stream, work.consumer))
        source = await link.ask(link.jetstream.pull_subscribe_bind(work.consumer, work.stream))
        log.info("taking messages", stream=work.stream, consumer=work.consumer)
        self._trouble = ""
        try:
            while True:
                await self._slots.acquire()
                try:
                    message = await link.ask(_next(source, PULL_SECONDS))
                except BaseException:
                    self._slots.release()
                    raise
                if message is None:
                    self._slots.release()
                else:
                    self._start(message, info.config.ack_wait or ACK_WAIT_SECONDS)
        finally:
            await self._leave(link, source)

    async def _leave(self, link: Link, source: JetStreamContext.PullSubscription) -> None:
        """Take no more, and give back at once what came in this moment."""
        try:
            await link.ask(link.client.rtt(math.ceil(link.seconds)))  # what was on its way here has come now
            while source.pending_msgs:
                message = await link.ask(_next(source, 0.1))
                if message is not None:
                    await self._answer(message, nak(0))
            await link.ask(source.unsubscribe())
        except MessagesUnavailable as error:
            log.debug("left a consumer that is away", consumer=self._work.consumer, error=repr(error))

    def _start(self, message: Msg, ack_wait: float) -> None:
        task = asyncio.create_task(self._take(message, ack_wait))
        self._hands.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._hands.discard(task)
        self._slots.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a message was dropped in the midst; it comes again", error=repr(error), exc_info=error)

    async def _finish(self) -> None:
        """Wait for what is in hand, then give the rest back."""
        if not self._hands:
            return
        log.info("finishing messages", consumer=self._work.consumer, messages=len(self._hands))
        hands = set(self._hands)
        try:
            await asyncio.wait(hands, timeout=FINISH_SECONDS)
        finally:
            for task in hands:
                task.cancel()
        await asyncio.wait(hands)

    async def _take(self, message: Msg, ack_wait: float) -> None:
        """Handle one message and answer for it."""
        began = time.perf_counter()
        try:
            async with self._kept(message, ack_wait / 3):
                verdict = await self._judge(message)
        except asyncio.CancelledError:
            await self._answer(message, nak(0))
            raise
        HANDLING.labels(self._work.consumer).observe(time.perf_counter() - began)
        answered = await self._settle(message, verdict.answer)
        CONSUMED.labels(self._work.consumer, verdict.outcome if answered else "unanswered").inc()

    async def _judge(self, message: Msg) -> Verdict:
        number = message.metadata.sequence.stream
        try:
            event = decode(message.subject, message.data)
            bind_request_id(event.request_id or str(event.id))
            await self._work.handle(event)
        except Poison as error:
            return await self._bury(message, str(error))
        except Exception as error:
            if is_passing(error):
                log.warning("message postponed", **_named(message), error=repr(error.__cause__ or error))
                return self._later(message, "postponed")
            failures = self._failures.add(number)
            log.exception("message failed", **_named(message), failures=failures)
            if failures >= self._work.attempts:
                return await self._bury(message, f"it failed {failures} times, at last with {error!r}")
            return self._later(message, "failed")
        self._failures.forget(number)
        return Verdict("handled", ACK)

    def _later(self, message: Msg, outcome: str) -> Verdict:
        delivery = message.metadata.num_delivered
        return Verdict(outcome, nak(pause(delivery, random.random())))  # noqa: S311 - jitter is no secret

    async def _bury(self, message: Msg, reason: str) -> Verdict:
        """Put a message among the dead letters; it is not done with before it is there."""
        try:
            await publish(self._connection, *dead_letter(message, reason))
        except MessagesUnavailable as error:
            log.warning("dead letter postponed", **_named(message), error=repr(error.__cause__ or error))
            return self._later(message, "postponed")
        log.error("message dead", **_named(message), reason=reason)
        self._failures.forget(message.metadata.sequence.stream)
        return Verdict("dead", TERM)

    @contextlib.asynccontextmanager
    async def _kept(self, message: Msg, seconds: float) -> AsyncIterator[None]:
        """Tell the server every few seconds that the message is still worked on, so that nobody else gets it."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(seconds)
                await self._answer(message, IN_PROGRESS)

        keeping = asyncio.create_task(keep())
        try:
            yield
        finally:
            keeping.cancel()

    async def _settle(self, message: Msg, answer: bytes) -> bool:
        """Whether the server came to know the verdict. What it does not know of, it sends again."""
        until = time.monotonic() + ANSWER_SECONDS
        while not await self._answer(message, answer):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(ANSWER_PAUSE_SECONDS)
        return True

    async def _answer(self, message: Msg, answer: bytes) -> bool:
        """Whether the server has our answer. It may go through another connection than the message came by."""
        try:
            link = await self._connection.link()
            await link.ask(link.client.request(message.reply, answer, link.seconds))
        except MessagesUnavailable as error:
            log.warning("message unanswered", **_named(message), answer=answer.decode(), error=repr(error.__cause__))
            return False
        return True

    def _say(self, error: MessagesUnavailable) -> None:
        """Log why no message can be taken, once until that changes."""
        why, self._trouble = self._trouble, repr(error.__cause__ or error)
        say = log.debug if why == self._trouble else log.warning
        say("waiting for messages", stream=self._work.stream, consumer=self._work.consumer, error=self._trouble)


async def publish(connection: Connection, subject: str, body: bytes, headers: dict[str, str]) -> bool:
    """Return when a stream has the message: whether it was new to it. Raises MessagesUnavailable."""
    link = await connection.link()
    stored = await link.ask(link.jetstream.publish(subject, body, timeout=link.seconds, headers=headers))
    return not stored.duplicate


async def _next(source: JetStreamContext.PullSubscription, seconds: float) -> Msg | None:
    try:
        (message,) = await source.fetch(1, timeout=seconds)
    except nats.errors.TimeoutError:
        return None
    return message


def _named(message: Msg) -> dict[str, object]:
    metadata = message.metadata
    place = {"stream": metadata.stream, "sequence": metadata.sequence.stream, "consumer": metadata.consumer}
    return {**place, "subject": message.subject, "delivery": metadata.num_delivered}
