"""The circuit breaker, with a clock of the test's own."""

import pytest
from blueprint_testing import Clock

from blueprint_kit.breaker import BreakerPolicy, CircuitBreaker, CircuitOpenError, State


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(BreakerPolicy(least=4, share=0.5, window_seconds=10, open_seconds=3), clock)


def call(breaker: CircuitBreaker, ok: bool | None) -> None:
    breaker.record(breaker.admit(), ok)


def opened(breaker: CircuitBreaker) -> CircuitBreaker:
    for _ in range(4):
        call(breaker, False)
    assert breaker.state is State.OPEN
    return breaker


def test_few_failures_do_not_open(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        call(breaker, False)
    assert breaker.state is State.CLOSED


def test_opens_at_the_share_and_refuses(breaker: CircuitBreaker) -> None:
    for ok in (True, True, False, False):
        call(breaker, ok)
    assert breaker.state is State.OPEN
    with pytest.raises(CircuitOpenError):
        breaker.admit()


def test_stays_closed_below_the_share(breaker: CircuitBreaker) -> None:
    for ok in (True, True, True, False, False):
        call(breaker, ok)
    assert breaker.state is State.CLOSED


def test_old_failures_are_forgotten(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        call(breaker, False)
    clock.now += 11
    call(breaker, False)
    assert breaker.state is State.CLOSED


def test_given_up_calls_say_nothing(breaker: CircuitBreaker) -> None:
    for _ in range(10):
        call(breaker, None)
    assert breaker.state is State.CLOSED


def test_one_trial_after_the_pause_and_success_closes(breaker: CircuitBreaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 3
    trial = breaker.admit()
    with pytest.raises(CircuitOpenError):
        breaker.admit()
    breaker.record(trial, True)
    assert breaker.state is State.CLOSED


def test_failed_trial_opens_for_another_pause(breaker: CircuitBreaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 3
    call(breaker, False)
    clock.now += 2.9
    with pytest.raises(CircuitOpenError):
        breaker.admit()
    clock.now += 0.2
    breaker.admit()


def test_given_up_trial_lets_the_next_try(breaker: CircuitBreaker, clock: Clock) -> None:
    opened(breaker)
    clock.now += 3
    call(breaker, None)
    call(breaker, True)
    assert breaker.state is State.CLOSED


def test_late_result_of_an_earlier_call_does_not_end_the_trial(breaker: CircuitBreaker, clock: Clock) -> None:
    early = breaker.admit()
    opened(breaker)
    clock.now += 3
    breaker.admit()
    breaker.record(early, True)
    assert breaker.state is State.HALF_OPEN
