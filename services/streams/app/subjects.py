"""Subjects of NATS: words between points, of which `*` stands for any one and `>`, at the end, for all that follow.

https://docs.nats.io/nats-concepts/subjects
"""

from collections.abc import Iterable
from itertools import combinations

PATTERN_RULE = r"^(([^\s.*>]+|\*)\.)*([^\s.*>]+|\*|>)$"


def covers(pattern: str, subject: str) -> bool:
    """Whether all that is sent to `subject`, which may itself be a pattern, is for `pattern` too."""
    wanted, given = pattern.split("."), subject.split(".")
    for place, word in enumerate(wanted):
        if word == ">":
            return len(given) > place
        if place >= len(given) or given[place] == ">" or (word not in ("*", given[place])):
            return False
    return len(wanted) == len(given)


def overlap(one: str, other: str) -> bool:
    """Whether something may be sent that is for both patterns."""
    words, others = one.split("."), other.split(".")
    for word, against in zip(words, others, strict=False):
        if ">" in (word, against):
            return True
        if "*" not in (word, against) and word != against:
            return False
    return len(words) == len(others)


def overlapping(patterns: Iterable[str]) -> tuple[str, str] | None:
    """The first two of the patterns that overlap."""
    return next((pair for pair in combinations(patterns, 2) if overlap(*pair)), None)
