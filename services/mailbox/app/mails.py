"""The mails on the disk: one record each, whose first line is the envelope and whose rest is the mail as it came."""

import secrets
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from app.content import Content, content_of, headers_of
from app.schemas import Envelope, Header, Mail, MailSummary
from blueprint_kit.logs import logger
from blueprint_kit.records import Record, Records, Slice, slice_of

SUBJECT_MOST = 1000  # characters shown in a list

log = logger(__name__)


class Mails:
    """The mails in the records. All methods raise RecordsUnavailable."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def keep(self, envelope: Envelope, mail: bytes) -> Record:
        """Return when the mail is on the disk. A mail that comes twice is two mails: that is what its sender did."""
        line = envelope.model_dump_json(by_alias=True).encode()
        record, _ = await self._records.keep(line + b"\n" + mail, secrets.token_hex(8))
        return record

    async def find_page(self, since: datetime | None, to: str | None, page: int, size: int) -> Slice[MailSummary]:
        """The mails that came at `since` or later and are for `to`, newest first."""
        return await self._records.apart(lambda: self._find_page(since, to, page, size))

    async def find(self, record: Record) -> Mail | None:
        """The mail, None if there is none (any more)."""
        return await self._records.apart(lambda: self._find(record))

    def _find_page(self, since: datetime | None, to: str | None, page: int, size: int) -> Slice[MailSummary]:
        found = self._records.listed(since)
        if to is not None:
            found = [record for record in found if self._is_for(record, to.lower())]
        shown = slice_of(found, page, size)
        items = [self._summary(record) for record in shown.items]
        return Slice([item for item in items if item is not None], shown.total)

    def _is_for(self, record: Record, to: str) -> bool:
        opened = self._opened(record)
        return opened is not None and to in (one.lower() for one in opened[0].recipients)

    def _summary(self, record: Record) -> MailSummary | None:
        opened = self._opened(record)
        return None if opened is None else MailSummary(**_shown(record, *opened, headers_of))

    def _find(self, record: Record) -> Mail | None:
        opened = self._opened(record)
        if opened is None:
            return None
        envelope, mail = opened
        content = content_of(mail)
        headers = [Header(name=name, value=value) for name, value in content.headers]
        shown = _shown(record, envelope, mail, lambda _mail: content)
        return Mail(**shown, headers=headers, text=content.text, html=content.html)

    def _opened(self, record: Record) -> tuple[Envelope, bytes] | None:
        """The envelope and the mail. One that cannot be understood is left out, and said in the log."""
        found = self._records.read(record)
        if found is None:
            return None
        line, _, mail = found.partition(b"\n")
        try:
            return Envelope.model_validate_json(line), mail
        except ValidationError as error:
            log.error("mail is damaged; remove the file or mend it", mail=record.id, error=str(error))
            return None


def _shown(record: Record, envelope: Envelope, mail: bytes, read: Callable[[bytes], Content]) -> dict[str, object]:
    content = read(mail)
    return {
        **envelope.model_dump(),
        "id": record.id,
        "at": record.at,
        "message_id": content.header("message-id"),
        "subject": content.header("subject")[:SUBJECT_MOST],
        "size": len(mail),
    }
