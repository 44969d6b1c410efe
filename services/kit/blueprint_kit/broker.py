"""The connection to NATS. Owns how it is made, how a lost one is replaced, and what is said while there is none.

Needs the extra `messages`; `blueprint_kit.messages` is what services use. The client library's own reconnecting is not
used: it gives up for good where the server refuses a login once, and leaves lost requests to their time limit. Here
each connection is a new client, whose password's file is read anew, and all that waits for a lost one is told.
"""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from prometheus_client import Gauge
from pydantic import Field

from blueprint_kit.logs import logger
from blueprint_kit.problems import Problem
from blueprint_kit.settings import ServiceSettings, SettingsError, own_name, read_secret

Answer = TypeVar("Answer")

BACKOFF_SECONDS = 0.1  # before the second attempt to connect, doubled with each
BACKOFF_MOST_SECONDS = 2.0
LOOK_SECONDS = 1.0  # between two looks whether the server is there
CLOSE_SECONDS = 1.0

CONNECTED = Gauge("messages_connected", "Whether there is a connection to the message broker.")

log = logger(__name__)


class MessagesSettings(ServiceSettings):
    """The settings of a service that sends or gets messages, beside those of every service."""

    nats_url: str = Field(
        "nats://nats.data:4222", pattern=r"^nats://[^/@]+$", description="where NATS is, as nats://host:port"
    )
    nats_user: str = Field(default_factory=own_name, min_length=1, description="the login of this service")
    nats_password_file: Path = Field(description="the file that holds the login's password")
    nats_seconds: float = Field(3, gt=0, le=60, description="how long a connection or an answer may take")


class MessagesUnavailable(Problem):
    """503: there is no connection to the message broker, or it did not confirm in time. Its cause says more."""

    def __init__(self) -> None:
        detail = "the message broker does not answer; try again"
        super().__init__(503, detail, kind="messages-unavailable", headers={"Retry-After": "1"})


class NotDeclared(MessagesUnavailable):
    """The stream, consumer or message that is asked for is not there, or not yet."""


class Link:
    """One connection, from when it is made until it is lost."""

    def __init__(self, client: Client, seconds: float) -> None:
        self.client = client
        self.jetstream = client.jetstream(timeout=seconds)
        self.seconds = seconds
        self.lost = asyncio.Event()
        self.stirred = asyncio.Event()
        self.error: Exception | None = None

    async def note(self, error: Exception) -> None:
        """Remember an error of the connection, which may be its end."""
        self.error = error
        self.stirred.set()
        log.debug("the message broker's client met an error", error=repr(error))

    async def note_end(self) -> None:
        """Know that the connection ended."""
        self.stirred.set()

    async def ask(self, question: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer to a question to the server. Raises MessagesUnavailable, at once when the connection is lost."""
        asking = asyncio.create_task(question)
        asking.add_done_callback(_looked_at)
        losing = asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            raise MessagesUnavailable
        except NotFoundError as error:
            raise NotDeclared from error
        except (nats.errors.Error, OSError) as error:
            raise MessagesUnavailable from error
        finally:
            asking.cancel()
            losing.cancel()


class Connection:
    """One link after the other, for as long as it is open."""

    def __init__(self, settings: MessagesSettings) -> None:
        self._settings = settings
        self._link: Link | None = None
        self._connected = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._trouble = ""

    def open(self) -> None:
        """Begin to connect, and to connect again whenever the connection is lost."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End the connection when the server has all that was sent."""
        keeping, self._keeping = self._keeping, None
        while keeping is not None and not keeping.done():
            keeping.cancel()  # again: `asyncio.wait_for` of Python 3.11, in the client library, may lose one
            await asyncio.wait({keeping}, timeout=2 * CLOSE_SECONDS)

    def current(self) -> Link:
        """The link that there is now. Raises MessagesUnavailable."""
        if self._link is None:
            raise MessagesUnavailable
        return self._link

    async def wait(self) -> Link:
        """The link, as soon as there is one."""
        await self._connected.wait()
        return self.current()

    async def link(self) -> Link:
        """The link, if there is one soon. Raises MessagesUnavailable."""
        try:
            async with asyncio.timeout(self._settings.nats_seconds):
                return await self.wait()
        except TimeoutError:
            raise MessagesUnavailable from None

    async def _keep(self) -> None:
        attempt = 0
        while True:
            try:
                async with self._made() as link:
                    attempt = 0
                    await self._watch(link)
            except (nats.errors.Error, OSError, SettingsError, ValueError) as error:
                self._say(error)
            full = min(BACKOFF_MOST_SECONDS, BACKOFF_SECONDS * 2.0**attempt)
            await asyncio.sleep(full * (0.5 + 0.5 * random.random()))  # noqa: S311 - jitter is no secret
            attempt = min(attempt + 1, 10)

    @contextlib.asynccontextmanager
    async def _made(self) -> AsyncIterator[Link]:
        """A link in the block. At its end everybody knows that it is lost."""
        link = Link(Client(), self._settings.nats_seconds)
        try:
            await self._connect(link)
            self._link, self._trouble = link, ""
            self._connected.set()
            CONNECTED.set(1)
            log.info("connected to the message broker", url=self._settings.nats_url)
            yield link
        finally:
            self._link = None
            self._connected.clear()
            CONNECTED.set(0)
            link.lost.set()
            await _hang_up(link.client)

    async def _connect(self, link: Link) -> None:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.nats_seconds):
                await link.client.connect(
                    settings.nats_url,
                    name=f"{settings.service_name}/{settings.service_version}",
                    user=settings.nats_user,
                    password=read_secret(settings.nats_password_file),
                    inbox_prefix=f"_INBOX.{settings.nats_user}",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    error_cb=link.note,
                    closed_cb=link.note_end,
                )
        except nats.errors.NoServersError as error:
            raise link.error or error from None  # why there is none

    async def _watch(self, link: Link) -> None:
        """Return or raise when the connection is lost, also when nobody says so."""
        while link.client.is_connected:
            with contextlib.suppress(TimeoutError):  # nothing stirs, as it should be
                async with asyncio.timeout(LOOK_SECONDS):
                    await link.stirred.wait()
            link.stirred.clear()
            await link.client.rtt(math.ceil(self._settings.nats_seconds))

    def _say(self, error: Exception) -> None:
        """Log why there is no connection, once until that changes."""
        why, self._trouble = self._trouble, repr(error)
        say = log.debug if why == self._trouble else log.warning
        say("no connection to the message broker", url=self._settings.nats_url, error=self._trouble)


async def _hang_up(client: Client) -> None:
    """Send what is to be sent and close. Bounded, whatever the client library does with a broken connection."""
    closing = asyncio.create_task(client.close())
    closing.add_done_callback(_looked_at)
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
    closing.cancel()


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Note how a task ended that nobody waits for any more."""
    if not task.cancelled() and task.exception() is not None:
        log.debug("the message broker's client ended with an error", error=repr(task.exception()))
