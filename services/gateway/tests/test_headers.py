"""Which fields pass, and which are made."""

from ipaddress import ip_network

import pytest

from app.headers import Hop, end_to_end, request_headers

HOP = Hop("192.0.2.7", "shop.example:8080", "http")
LIED = [
    (b"X-Forwarded-For", b"6.6.6.6"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Host", b"evil.example"),
    (b"X-Real-IP", b"6.6.6.6"),
    (b"Forwarded", b"for=6.6.6.6"),
]


@pytest.mark.parametrize(
    "name",
    [
        b"Connection",
        b"Keep-Alive",
        b"Proxy-Authenticate",
        b"Proxy-Authorization",
        b"Proxy-Connection",
        b"TE",
        b"Trailer",
        b"Transfer-Encoding",
        b"Upgrade",
    ],
)
def test_hop_by_hop_fields_do_not_pass(name: bytes) -> None:
    assert end_to_end([(name, b"x"), (b"Accept", b"y")]) == [(b"accept", b"y")]


def test_fields_that_connection_lists_do_not_pass() -> None:
    headers = [(b"Connection", b"close, X-One"), (b"connection", b" x-two ,"), (b"X-One", b"1"), (b"X-Two", b"2")]
    assert end_to_end([*headers, (b"X-Three", b"3")]) == [(b"x-three", b"3")]


def test_connection_cannot_take_the_length_away() -> None:
    headers = [(b"Connection", b"content-length"), (b"Content-Length", b"5")]
    assert end_to_end(headers) == [(b"content-length", b"5")]


def test_repeated_fields_stay_apart_and_in_order() -> None:
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert end_to_end(cookies) == cookies


def test_host_expect_and_request_id_are_not_the_clients() -> None:
    names = {
        name
        for name, _ in request_headers(
            [(b"Host", b"h"), (b"Expect", b"e"), (b"X-Request-Id", b"r")], HOP, trusted=False
        )
    }
    assert not names & {b"host", b"expect", b"x-request-id"}


def test_via_names_the_gateway() -> None:
    assert (b"via", b"1.1 gateway") in request_headers([], HOP, trusted=False)


def test_what_anybody_says_about_the_origin_is_replaced() -> None:
    made = request_headers(LIED, HOP, trusted=False)
    assert [value for name, value in made if name == b"x-forwarded-for"] == [b"192.0.2.7"]
    assert dict(made)[b"x-forwarded-proto"] == b"http"
    assert dict(made)[b"x-forwarded-host"] == b"shop.example:8080"
    assert dict(made)[b"forwarded"] == b'for=192.0.2.7;host="shop.example:8080";proto=http'
    assert not any(b"6.6.6.6" in value or b"evil" in value for _, value in made)


def test_what_a_trusted_proxy_says_is_kept_and_appended_to() -> None:
    made = dict(request_headers(LIED, HOP, trusted=True))
    assert made[b"x-forwarded-for"] == b"6.6.6.6, 192.0.2.7"
    assert made[b"x-forwarded-proto"] == b"https"
    assert made[b"x-forwarded-host"] == b"evil.example"
    assert made[b"forwarded"].startswith(b"for=6.6.6.6, for=192.0.2.7;")


def test_ipv6_addresses_are_quoted() -> None:
    """RFC 7239, section 6."""
    made = dict(request_headers([], Hop("2001:db8::1", "x", "http"), trusted=False))
    assert made[b"forwarded"] == b'for="[2001:db8::1]";host="x";proto=http'


def test_trust_is_by_network() -> None:
    assert HOP.trusted([ip_network("192.0.2.0/24")])
    assert not HOP.trusted([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
