"""Taking mail by SMTP (RFC 5321). Owns what is taken from whom and for how long; aiosmtpd owns the protocol.

A mail is answered with 250 when it is on the disk. What is refused for now gets a 4xx, so that its sender tries again.
"""

import asyncio
import contextlib
import logging
from typing import Any, cast

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Received
from aiosmtpd.smtp import Session as Dialogue
from prometheus_client import Counter, Gauge

from app.mails import Mails
from app.schemas import Envelope
from app.settings import MailboxSettings
from blueprint_kit.logs import logger
from blueprint_kit.records import RecordsUnavailable

COMMANDS_MOST = 100  # of one kind in a session
FLOOD = 4  # times the size of a mail: what one session may send in all
END_SECONDS = 5.0

RECEIVED = Counter("mails_received_total", "Mails that were taken and are on the disk.")
REFUSED = Counter("mails_refused_total", "Answers by SMTP that refuse something, by their code.", ["code"])
SESSIONS = Gauge("smtp_sessions", "Clients that are connected.")

log = logger(__name__)


class Intake:
    """What is decided about each mail. aiosmtpd calls these by their names."""

    def __init__(self, mails: Mails, settings: MailboxSettings) -> None:
        self._mails, self._settings = mails, settings

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _dialogue: Dialogue, received: Received, address: str, options: list[str]
    ) -> str:
        """Whether the mail may be for this recipient too."""
        if address.rpartition("@")[2].lower() != self._settings.mail_domain:
            return f"550 5.7.1 mail is taken for {self._settings.mail_domain} only"
        if len(received.rcpt_tos) >= self._settings.recipients_limit:
            return f"452 4.5.3 a mail may have {self._settings.recipients_limit} recipients"
        received.rcpt_tos.append(address)
        received.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, dialogue: Dialogue, received: Received) -> str:  # noqa: N802
        """The mail is here. It is answered for when it is on the disk."""
        envelope = Envelope(
            sender=received.mail_from or "",
            recipients=list(dict.fromkeys(received.rcpt_tos)),
            client=str(dialogue.peer[0]) if dialogue.peer else "",
        )
        mail = received.original_content or b""
        try:
            record = await self._mails.keep(envelope, mail)
        except RecordsUnavailable:
            return "451 4.3.1 the mail cannot be stored now; try again"
        RECEIVED.inc()
        log.info("mail", mail=record.id, sender=envelope.sender, recipients=envelope.recipients, size=len(mail))
        return f"250 2.0.0 kept as {record.id}"

    async def handle_exception(self, error: Exception) -> str:
        """What nobody foresaw. Its sender tries again, and the log has it."""
        log.error("unexpected error of a session", error=repr(error))
        return "451 4.3.0 an error that was not expected; try again"


class Session(SMTP):
    """One client: aiosmtpd's protocol with an end in time and in bytes. `smtp_seconds` is aiosmtpd's own limit."""

    def __init__(self, intake: Intake, settings: MailboxSettings, sessions: set["Session"]) -> None:
        super().__init__(
            intake,
            data_size_limit=settings.mail_limit_bytes,
            hostname=settings.mail_domain,
            ident="mailbox",
            timeout=settings.smtp_seconds,
            command_call_limit=COMMANDS_MOST,
            loop=asyncio.get_running_loop(),
        )
        self._left = FLOOD * settings.mail_limit_bytes
        self._seconds = settings.session_seconds
        self._end: asyncio.TimerHandle | None = None
        self._sessions = sessions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The session begins, and its time runs."""
        super().connection_made(transport)
        if self._handler_coroutine is not None:
            self._handler_coroutine.add_done_callback(_ended)
        self._end = self.loop.call_later(self._seconds, self.abort)
        self._sessions.add(self)
        SESSIONS.set(len(self._sessions))

    def data_received(self, data: bytes) -> None:
        """Take what came, up to an end: aiosmtpd keeps a line for as long as it goes on, whatever a mail's limit."""
        self._left -= len(data)
        if self._left < 0:
            log.warning("a session has sent too much", client=self.session.peer if self.session else None)
            self.abort()
            return
        super().data_received(data)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """As aiosmtpd, whose parser (that of `email`) ends with an IndexError at some addresses that are none."""
        try:
            return super()._getaddr(arg)
        except IndexError:
            return None, None

    def connection_lost(self, error: Exception | None) -> None:
        """The session has ended."""
        super().connection_lost(error)
        if self._end is not None:
            self._end.cancel()
        self._sessions.discard(self)
        SESSIONS.set(len(self._sessions))

    async def push(self, status: Any) -> None:
        """Answer, and count what is refused."""
        code = (status.decode("ascii", "replace") if isinstance(status, bytes) else status)[:3]
        if code[:1] in {"4", "5"}:
            REFUSED.labels(code).inc()
        await super().push(status)

    def abort(self) -> None:
        """End it at once: what was not answered is sent again by whoever sent it."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()


class Busy(asyncio.Protocol):
    """A client for whom there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and end."""
        REFUSED.labels("421").inc()
        stream = cast(asyncio.WriteTransport, transport)
        stream.write(b"421 4.3.2 too many clients; try again\r\n")
        stream.close()


class SmtpServer:
    """The port that takes mail."""

    def __init__(self, intake: Intake, settings: MailboxSettings) -> None:
        self._intake, self._settings = intake, settings
        self._sessions: set[Session] = set()
        self._server: asyncio.Server | None = None
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd says every command there

    @property
    def port(self) -> int:
        """The port that it listens on; 0 while it is closed."""
        sockets = self._server.sockets if self._server is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    async def open(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        host, port = str(self._settings.http_host), self._settings.smtp_port
        self._server = await asyncio.get_running_loop().create_server(self._protocol, host, port)
        log.info("takes mail", smtp_port=self.port, domain=self._settings.mail_domain)

    async def check(self) -> None:
        """Raise ConnectionError if it does not listen."""
        if not self.port:
            raise ConnectionError("the port for mail is closed")

    async def close(self) -> None:
        """Close the port, give sessions a moment to end, and end them."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while self._sessions:
                    await asyncio.sleep(0.05)
        for session in tuple(self._sessions):
            session.abort()

    def _protocol(self) -> asyncio.BaseProtocol:
        if len(self._sessions) >= self._settings.sessions_limit:
            return Busy()
        return Session(self._intake, self._settings, self._sessions)


def _ended(task: "asyncio.Task[None]") -> None:
    """A client that has gone away is no error; what else a session ended with is in the log."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ConnectionError):
        log.error("a session failed", error=repr(error))
