"""What a mail says, also one that breaks every rule."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json
from sending import new_mail

from app.content import Content, content_of, headers_of
from app.schemas import Header


def shown(content: Content) -> bytes:
    """The content as JSON, in which a lone surrogate has no place."""
    headers = [Header(name=name, value=value) for name, value in content.headers]
    return to_json([headers, content.text, content.html])


def test_text_and_html_are_told_apart() -> None:
    content = content_of(new_mail(text="plain\n", html="<b>bold</b>\n").as_bytes())
    assert (content.text, content.html) == ("plain\n", "<b>bold</b>\n")


def test_words_of_other_alphabets_are_decoded() -> None:
    mail = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?b?S/ZsbnQ=?=\r\nFrom: \xc3\x84 <a@b>\r\n\r\n"
    content = headers_of(mail)
    assert (content.header("subject"), content.header("FROM")) == ("Grüße aus Kölnt", "Ä <a@b>")


@pytest.mark.parametrize(
    ("mail", "subject", "text"),
    [
        (b"", "", ""),
        (b"no header at all", "", "no header at all"),
        (b"Subject: =?utf-8?b?A?=\r\n\r\nx", "=?utf-8?b?A?=", "x"),
        (b"Subject: =?undefined?q?a=FF?=\r\n\r\nx", "a\ufffd", "x"),
        (b"Subject: a\r\n b\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA-", "a b", "+2AA-"),
        (b'Content-Type: text/plain; charset="\x00"\r\n\r\n\xff', "", "\ufffd"),
        (b"Content-Transfer-Encoding: base64\r\n\r\n!!!", "", ""),
        (b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n", "", "x"),
        (b"Content-Type: application/pdf\r\n\r\nx", "", None),
        (b"Content-Disposition: attachment; filename=a.txt\r\n\r\nx", "", None),
    ],
)
def test_mail_that_breaks_a_rule_is_shown_as_far_as_it_can_be(mail: bytes, subject: str, text: str | None) -> None:
    content = content_of(mail)
    found = None if content.text is None else content.text.replace("\r\n", "\n")
    assert (content.header("subject"), found) == (subject, text)
    assert shown(content)


def test_parts_that_are_too_deep_inside_each_other_are_no_text() -> None:
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (depth, depth) for depth in range(4000)
    )
    began = time.monotonic()
    content = content_of(b"Subject: deep\r\n" + parts)
    assert (content.header("subject"), content.text) == ("deep", None)
    assert time.monotonic() - began < 10


PIECES = (
    *(b"\r\n", b"--a", b"--a--", b"Subject: ", b"=?utf-8?b?", b"; name*0*="),
    *(b"Content-Type: multipart/mixed; boundary=a", b"Content-Type: text/html; charset="),
    b"Content-Transfer-Encoding: quoted-printable",
)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(PIECES)), max_size=20))
def test_any_bytes_are_a_mail(pieces: list[bytes]) -> None:
    for mail in (b"".join(pieces), b"\r\n".join(pieces)):
        assert shown(content_of(mail))
        assert shown(headers_of(mail))
