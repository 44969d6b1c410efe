"""A resource's properties as they are known. What a preview cannot know yet is UNKNOWN: neither there nor missing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import proxy
from pulumi_policy.proxy import UnknownValueError

SENTINELS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))
"""How the engine writes a value that only a later step can tell; each type has its own."""


class Unknown:
    """Absorbs what is asked of it: a part of what is unknown is unknown, and there is nothing to go through."""

    def get(self, _key: str, _default: object = None) -> "Unknown":
        """A part of it."""
        return self

    def items(self) -> tuple[()]:
        """No pairs are known."""
        return ()

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __repr__(self) -> str:
        return "(known after it is made)"


UNKNOWN = Unknown()


def known(value: Any) -> Any:
    """The value with UNKNOWN in place of what is not known, and without the SDK's proxies around its parts.

    The proxies raise when a rule touches what is unknown, and so would end the rule before it saw the rest.
    """
    if isinstance(value, Mapping):
        return {key: _known_at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_known_at(value, index) for index in range(len(value))]
    return UNKNOWN if isinstance(value, str) and value in SENTINELS else value


def _known_at(values: Any, key: Any) -> Any:
    try:
        return known(values[key])
    except UnknownValueError:
        return UNKNOWN


def part(value: Any, *path: str) -> Any:
    """What lies at the path; None where there is nothing, UNKNOWN where the way there is unknown."""
    for key in path:
        value = value.get(key) if isinstance(value, (Mapping, Unknown)) else None
    return value


def parts(value: Any, *path: str) -> list[Any]:
    """The entries of the list at the path; none where there is no list or it is unknown."""
    found = part(value, *path)
    return found if isinstance(found, list) else []
