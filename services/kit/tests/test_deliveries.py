"""The rules of what becomes of a delivered message."""

import json

import pytest

from blueprint_kit.broker import MessagesUnavailable
from blueprint_kit.client import UpstreamRefused
from blueprint_kit.deliveries import REMEMBERED, Failures, is_passing, nak, pause
from blueprint_kit.outbound import UpstreamBroken, UpstreamTimeout, UpstreamUnavailable
from blueprint_kit.postgres import DatabaseUnavailable
from blueprint_kit.problems import Problem


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable(),
        MessagesUnavailable(),
        UpstreamBroken("payments", "cannot be reached"),
        UpstreamUnavailable("payments", "is left alone", 3),
        UpstreamTimeout("payments", 10),
        UpstreamRefused("payments", 503, {}),
        UpstreamRefused("payments", 429, {}),
    ],
    ids=repr,
)
def test_what_is_away_is_back_some_day(error: Exception) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error", [UpstreamRefused("payments", 422, {}), Problem(409, "it exists"), KeyError("sku"), ValueError()], ids=repr
)
def test_what_is_wrong_stays_wrong(error: Exception) -> None:
    assert not is_passing(error)


def test_pauses_double_up_to_the_most_and_half_of_each_is_chance() -> None:
    assert [pause(delivery, 1.0) for delivery in (1, 2, 3, 5, 6, 10_000)] == [1, 2, 4, 16, 30, 30]
    assert pause(3, 0.0) == 2


def test_nak_says_its_delay_in_nanoseconds() -> None:
    assert nak(0) == b"-NAK"
    kind, _, options = nak(1.5).partition(b" ")
    assert (kind, json.loads(options)) == (b"-NAK", {"delay": 1_500_000_000})


def test_failures_are_counted_for_each_message_until_it_is_done_with() -> None:
    failures = Failures()
    assert [failures.add(1), failures.add(2), failures.add(1)] == [1, 1, 2]
    failures.forget(1)
    failures.forget(3)
    assert [failures.add(1), failures.add(2)] == [1, 2]


def test_failures_of_long_ago_are_forgotten() -> None:
    failures = Failures()
    for number in range(REMEMBERED + 1):
        failures.add(number)
    assert [failures.add(0), failures.add(REMEMBERED)] == [1, 2]
