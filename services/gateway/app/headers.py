"""Which header fields pass the gateway, and which it sets. Pure functions.

RFC 9110, section 7.6.1: fields about one connection, listed in Connection or not, must not be passed on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from app.settings import Network

Header = tuple[bytes, bytes]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-authentication-info",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
FORWARDING = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-real-ip"}
)
SET_HERE = frozenset({b"host", b"expect", b"x-request-id"}) | FORWARDING  # `Expect` was met by this server
KEPT_LENGTH = b"content-length"  # Connection may name it, but a body without its length is another message


@dataclass(frozen=True)
class Hop:
    """The connection that a request came in on."""

    client: str  # an IP address
    host: str  # the Host field
    scheme: str

    def trusted(self, networks: Iterable[Network]) -> bool:
        """Whether the client is a proxy that is believed."""
        address = ip_address(self.client)
        return any(address in network for network in networks)


def end_to_end(headers: Iterable[Header]) -> list[Header]:
    """The fields that are for the other end, in order."""
    pairs = [(name.lower(), value) for name, value in headers]
    dropped = HOP_BY_HOP | connection_options(pairs)
    return [(name, value) for name, value in pairs if name not in dropped]


def connection_options(headers: Iterable[Header]) -> set[bytes]:
    """The field names that Connection lists."""
    listed = b",".join(value for name, value in headers if name == b"connection")
    return {option.strip().lower() for option in listed.split(b",")} - {b"", KEPT_LENGTH}


def request_headers(headers: Iterable[Header], hop: Hop, *, trusted: bool) -> list[Header]:
    """The fields to send upstream, but Host and X-Request-Id, which belong to the connection and the request."""
    pairs = [(name.lower(), value) for name, value in headers]
    passed = [(name, value) for name, value in end_to_end(pairs) if name not in SET_HERE]
    return [*passed, (b"via", b"1.1 gateway"), *forwarding(pairs, hop, trusted=trusted)]


def response_headers(headers: Iterable[Header]) -> list[Header]:
    """The fields to send back to the client."""
    return end_to_end(headers)


def forwarding(headers: Iterable[Header], hop: Hop, *, trusted: bool) -> list[Header]:
    """Where the request came from: appended to what a trusted proxy said, instead of what anybody else said."""
    said: dict[bytes, bytes] = {}
    if trusted:
        for name, value in headers:
            if name in FORWARDING:
                said[name] = said[name] + b", " + value if name in said else value
    scheme = said.get(b"x-forwarded-proto", hop.scheme.encode())
    host = said.get(b"x-forwarded-host", hop.host.encode("latin-1"))
    return [
        (b"x-forwarded-for", _appended(said.get(b"x-forwarded-for"), hop.client.encode())),
        (b"x-forwarded-host", host),
        (b"x-forwarded-proto", scheme),
        (b"forwarded", _appended(said.get(b"forwarded"), _forwarded(hop))),
    ]


def _appended(before: bytes | None, last: bytes) -> bytes:
    return last if before is None else before + b", " + last


def _forwarded(hop: Hop) -> bytes:
    """An element of RFC 7239, section 4."""
    address = ip_address(hop.client)
    node = f'"[{address}]"' if isinstance(address, IPv6Address) else str(address)
    quoted_host = hop.host.replace("\\", "\\\\").replace('"', '\\"')
    return f'for={node};host="{quoted_host}";proto={hop.scheme}'.encode("latin-1")
