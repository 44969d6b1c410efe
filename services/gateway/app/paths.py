"""Request paths made comparable, so that what is matched here is what the upstream sees. Pure functions."""

import re

from blueprint_kit.problems import Problem

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")


def normalized(raw: bytes) -> str:
    """The path with unreserved characters decoded and escapes in capitals (RFC 3986, section 6.2.2).

    Raises a problem 400 for what could mean one thing here and another upstream: dot segments, empty segments,
    backslashes, control characters and broken escapes.
    """
    path = _ESCAPE.sub(_decoded, raw.decode("ascii"))
    segments = path.split("/")[1:]
    if not path.startswith("/") or "" in segments[:-1] or {".", ".."} & set(segments):
        raise _refused("has an empty or dot segment")
    if "\\" in path or "%5C" in path or any(f"%{code:02X}" in path for code in (*range(0x20), 0x7F)):
        raise _refused("has a backslash or a control character")
    return path


def _decoded(match: re.Match[str]) -> str:
    digits = match[1]
    if digits is None:
        raise _refused("has a broken percent-escape")
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else "%" + digits.upper()


def _refused(why: str) -> Problem:
    return Problem(400, f"the request's path {why}", kind="ambiguous-path")
