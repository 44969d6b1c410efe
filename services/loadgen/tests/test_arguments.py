"""The arguments of a run."""

import pytest

from app.arguments import Run, parse_arguments
from blueprint_kit.settings import SettingsError


@pytest.mark.parametrize(
    ("arguments", "run"),
    [
        ([], Run(20, 60)),
        (["--users", "3", "--run-time", "45s"], Run(3, 45)),
        (["--users=10000", "--run-time=10m"], Run(10_000, 600)),
        (["--run-time", "24h"], Run(20, 86_400)),
        (["--run-time", "90"], Run(20, 90)),
    ],
)
def test_arguments_say_how_many_and_how_long(arguments: list[str], run: Run) -> None:
    assert parse_arguments(arguments) == run


@pytest.mark.parametrize("users", ["", "0", "-1", "10001", "1.5", "many", "٣"])
def test_other_numbers_are_refused(users: str) -> None:
    with pytest.raises(SettingsError, match=r"--users=.*whole number from 1 to 10000; set USERS"):
        parse_arguments([f"--users={users}"])


@pytest.mark.parametrize("time", ["", "0s", "-1s", "25h", "1d", "1h30m", "s", "1.5m", "$(RUN_TIME)"])
def test_other_durations_are_refused(time: str) -> None:
    with pytest.raises(SettingsError, match=r"--run-time=.*must be a duration"):
        parse_arguments([f"--run-time={time}"])
