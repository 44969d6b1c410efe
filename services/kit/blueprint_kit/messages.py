"""Messages between services, through NATS JetStream: publishing, consuming and reading events.

An event is at a consumer's handler at least once: publishing returns when a stream has it, and a message is done with
when its handler returned. So publishers repeat with the same id, which the stream knows for some minutes, and handlers
do the same thing twice without harm. The streams and consumers themselves are declared by the service `streams`.

Needs the extra `messages`, and a login with leave to subscribe to `_INBOX.<user>.>` and to publish to

    $JS.API.INFO                                   check
    <type of each event>                           publish
    $JS.API.CONSUMER.INFO.<stream>.<consumer>      consume, as the next three
    $JS.API.CONSUMER.MSG.NEXT.<stream>.<consumer>
    $JS.ACK.<stream>.<consumer>.>
    dead.<consumer>
    $JS.API.STREAM.INFO.<stream>                   read_from, as the next
    $JS.API.STREAM.MSG.GET.<stream>
"""

from collections.abc import AsyncIterator

from prometheus_client import Counter

from blueprint_kit.broker import Connection, MessagesSettings, MessagesUnavailable, NotDeclared
from blueprint_kit.consuming import Consuming, Handle, Work, publish
from blueprint_kit.events import Event, Poison, decode

__all__ = ["Event", "Messages", "MessagesSettings", "MessagesUnavailable", "NotDeclared", "Poison"]

PUBLISHED = Counter(
    "messages_published_total",
    "Events sent: stored, duplicate (it was there) or unavailable.",
    ["type", "outcome"],
)


class Messages:
    """A process's connection to the message broker."""

    def __init__(self, settings: MessagesSettings) -> None:
        self._connection = Connection(settings)

    async def open(self) -> None:
        """Begin to connect. Returns at once; lost connections are replaced for ever."""
        self._connection.open()

    async def check(self) -> None:
        """Return when JetStream answers. Raises MessagesUnavailable."""
        link = self._connection.current()
        await link.ask(link.jetstream.account_info())

    async def publish(self, event: Event) -> None:
        """Return when a stream has the event. Raises MessagesUnavailable when that is not sure, or not so.

        It may be published again, and should be after MessagesUnavailable: the stream keeps one of each id.
        """
        body, outcome = event.encode(), "unavailable"
        try:
            new = await publish(self._connection, event.type, body, {"Nats-Msg-Id": str(event.id)})
            outcome = "stored" if new else "duplicate"
        finally:
            PUBLISHED.labels(event.type, outcome).inc()

    async def consume(
        self, stream: str, consumer: str, handle: Handle, *, concurrency: int = 8, attempts: int = 8
    ) -> None:
        """Give `handle` each message of a durable consumer, up to `concurrency` at once, until cancelled.

        Cancelled, it lets what is in hand end within some seconds and gives the rest back. What `handle` raises:

        - a problem of 500 or more, as an absent database, broker or service raises: the message comes again, after 1,
          2, 4, … 30 s, for ever;
        - Poison, or the message is no event: it goes to the dead letters, subject `dead.<consumer>`;
        - anything else, also a 4xx from another service: it comes again likewise, and when it has failed `attempts`
          times in this process it goes to the dead letters.
        """
        await Consuming(self._connection, Work(stream, consumer, handle, concurrency, attempts)).run()

    async def read_from(self, stream: str, subject: str, sequence: int) -> AsyncIterator[tuple[int, Event | None]]:
        """The events of `subject` from sequence number `sequence` on, in order, with their numbers.

        Ends with the last that is there when the reading begins. An event is None where the message is none. Raises
        MessagesUnavailable.
        """
        link = await self._connection.link()
        last = (await link.ask(link.jetstream.stream_info(stream))).state.last_seq
        while sequence <= last:
            link = await self._connection.link()
            try:
                found = await link.ask(link.jetstream.get_msg(stream, max(1, sequence), subject, next=True))
            except NotDeclared:
                return  # there is no further one
            number = found.seq or 0
            if number > last:
                return
            yield number, _event(found.subject or "", found.data or b"")
            sequence = number + 1

    async def close(self) -> None:
        """End the connection. What was published is at the server: `publish` waited for it."""
        await self._connection.close()


def _event(subject: str, body: bytes) -> Event | None:
    try:
        return decode(subject, body)
    except Poison:
        return None
