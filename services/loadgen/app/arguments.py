"""The arguments: how many visitors, and for how long. In the cluster `$(USERS)` and `$(RUN_TIME)` of a ConfigMap."""

import re
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass

from blueprint_kit.settings import Refusal, SettingsError

MOST_USERS = 10_000
MOST_SECONDS = 86_400
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Run:
    """One run of the load generator."""

    users: int
    seconds: int


def parse_arguments(arguments: Sequence[str]) -> Run:
    """The run that the arguments ask for. Raises SettingsError with each that is refused."""
    parser = ArgumentParser(prog="app.main", description=__doc__)
    parser.add_argument("--users", default="20", help="how many visitors there are at the same time")
    parser.add_argument("--run-time", default="60s", help="how long they come, such as 45s, 10m or 2h")
    given = parser.parse_args(arguments)
    users, seconds = _whole(given.users, MOST_USERS), _duration(given.run_time)
    refusals = []
    if users is None:
        rule = f"must be a whole number from 1 to {MOST_USERS}"
        refusals.append(Refusal(f"--users={given.users!r}", rule, "set USERS, or give another number"))
    if seconds is None:
        rule = f"must be a duration from 1s to {MOST_SECONDS}s, such as 45s, 10m or 2h"
        refusals.append(Refusal(f"--run-time={given.run_time!r}", rule, "set RUN_TIME, or give another one"))
    if users is None or seconds is None:
        raise SettingsError(refusals)
    return Run(users, seconds)


def _whole(text: str, most: int) -> int | None:
    """The number that `text` is, if it is one from 1 to `most`."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= most else None


def _duration(text: str) -> int | None:
    """The seconds that `text` says, if it says some."""
    match = re.fullmatch(r"([0-9]{1,9})([smh]?)", text)
    seconds = int(match[1]) * UNITS[match[2]] if match else 0
    return seconds if 1 <= seconds <= MOST_SECONDS else None
