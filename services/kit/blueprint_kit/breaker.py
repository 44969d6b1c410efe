"""The circuit breaker: stops asking an upstream that does not answer, and tries it again after a while."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class BreakerPolicy:
    """Opens when at least `share` of the calls of the last `window_seconds` failed and there were `least` of them."""

    least: int = 20
    share: float = 0.5
    window_seconds: float = 10.0
    open_seconds: float = 3.0


class State(Enum):
    """Closed lets calls pass, open refuses them, half-open lets one pass to see."""

    CLOSED = 0.0
    HALF_OPEN = 0.5
    OPEN = 1.0


class CircuitOpenError(Exception):
    """The upstream is not asked now; it may be in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the circuit is open for another {seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Permit:
    """Leave for one call; `trial` marks the one call that a half-open circuit lets pass."""

    trial: bool


class CircuitBreaker:
    """The circuit to one upstream. `admit` before a call, then exactly one `record` of how it ended."""

    def __init__(self, policy: BreakerPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = State.CLOSED
        self._policy = policy
        self._clock = clock
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._opened_at = 0.0

    def admit(self) -> Permit:
        """Let a call pass, or raise CircuitOpenError."""
        if self.state is State.CLOSED:
            return Permit(trial=False)
        left = self._opened_at + self._policy.open_seconds - self._clock()
        if self.state is State.HALF_OPEN or left > 0:
            raise CircuitOpenError(max(left, 1.0))
        self.state = State.HALF_OPEN
        return Permit(trial=True)

    def record(self, permit: Permit, ok: bool | None) -> None:
        """Note that a call went well, failed, or (None) was given up by its caller and says nothing."""
        if permit.trial:
            self._end_trial(ok)
        elif self.state is State.CLOSED and ok is not None:
            self._note(ok)
            if len(self._calls) >= self._policy.least and self._failures >= self._policy.share * len(self._calls):
                self._open()

    def _note(self, ok: bool) -> None:
        now = self._clock()
        self._calls.append((now, ok))
        self._failures += not ok
        while self._calls[0][0] < now - self._policy.window_seconds:
            _, was_ok = self._calls.popleft()
            self._failures -= not was_ok

    def _end_trial(self, ok: bool | None) -> None:
        if ok:
            self.state = State.CLOSED
        elif ok is None:
            self.state = State.OPEN  # its time is over, so the next call tries
        else:
            self._open()

    def _open(self) -> None:
        self.state = State.OPEN
        self._opened_at = self._clock()
        self._calls.clear()
        self._failures = 0
