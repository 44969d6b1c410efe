"""Mails, and who sends them by Python's own SMTP client, in a thread: it is not the library that takes them."""

import asyncio
import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid

from blueprint_testing import LOOPBACK

FROM, TO = "alertmanager@blueprint.test", "ops@blueprint.test"
SECONDS = 10


def new_mail(subject: str = "[FIRING:1] ServiceDown", text: str = "catalog is down\n", html: str = "") -> EmailMessage:
    """A mail as Alertmanager makes them: with an id, plain text, and HTML where it is given."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = FROM, TO, subject
    mail["Message-ID"] = make_msgid(domain="alertmanager.test")
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


@dataclass(frozen=True)
class Sender:
    """Who sends mail to a port of loopback."""

    port: int

    def send_now(self, mail: EmailMessage | bytes, to: Sequence[str] = (TO,), sender: str = FROM) -> tuple[int, bytes]:
        """What the server answered to the end of the mail. Raises what smtplib does when it is refused earlier."""
        content = mail if isinstance(mail, bytes) else mail.as_bytes().replace(b"\n", b"\r\n")
        with smtplib.SMTP(LOOPBACK, self.port, timeout=SECONDS) as session:
            session.ehlo()
            for code, said in (session.mail(sender, [f"SIZE={len(content)}"]), *(session.rcpt(one) for one in to)):
                if code != 250:
                    return code, said
            return session.data(content)

    async def send(self, mail: EmailMessage | bytes, to: Sequence[str] = (TO,)) -> tuple[int, bytes]:
        """The same, in a thread."""
        return await asyncio.to_thread(self.send_now, mail, to)
