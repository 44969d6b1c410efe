"""What a mail says: its headers, and its text as plain text and as HTML. Any bytes are a mail; nothing is refused here.

Sources: RFC 5322 (headers), RFC 2047 (words of other alphabets in headers), RFC 2046 (parts).
"""

import binascii
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser

CHARSETS = frozenset({"ascii", "us-ascii", "utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"})
"""What a mail may name. Python knows further codecs, some of which are slow or do not make text."""


@dataclass(frozen=True)
class Content:
    """What a mail says."""

    headers: list[tuple[str, str]]
    text: str | None
    html: str | None

    def header(self, name: str) -> str:
        """The first header of that name, empty where there is none."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), "")


def headers_of(mail: bytes) -> Content:
    """The headers alone."""
    head, _, _ = mail.partition(b"\r\n\r\n")
    return Content(_headers(BytesHeaderParser().parsebytes(head)), None, None)


def content_of(mail: bytes) -> Content:
    """The headers and both texts. A mail whose parts are too deep inside each other has no text."""
    try:
        message = BytesParser().parsebytes(mail)
        return Content(_headers(message), _part(message, "text/plain"), _part(message, "text/html"))
    except RecursionError:
        return headers_of(mail)


def _headers(message: Message) -> list[tuple[str, str]]:
    return [(name, _decoded(value)) for name, value in message.raw_items()]


def _decoded(value: str) -> str:
    """A header's text; as it stands where it is not encoded as RFC 2047 says."""
    raw = " ".join(value.encode("ascii", "surrogateescape").decode("utf-8", "replace").split())
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        return raw
    return "".join(piece if isinstance(piece, str) else _text(piece, charset) for piece, charset in pieces)


def _part(message: Message, kind: str) -> str | None:
    """The first part of the type that is not a file."""
    for part in message.walk():
        if part.get_content_type() == kind and not part.is_multipart() and part.get_filename() is None:
            return _text(_payload(part), part.get_content_charset())
    return None


def _payload(part: Message) -> bytes:
    try:
        decoded = part.get_payload(decode=True)
    except (binascii.Error, ValueError):
        decoded = None
    return decoded if isinstance(decoded, bytes) else b""


def _text(content: bytes, charset: str | None) -> str:
    return content.decode(charset if charset in CHARSETS else "utf-8", "replace")
