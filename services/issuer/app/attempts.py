"""Failed attempts: an address that fails too often is not listened to until its failures are old."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

ADDRESSES = 4096
"""How many addresses are remembered; the one that failed longest ago is forgotten first."""


class Attempts:
    """The failures of each address within a sliding window. A success forgets none: one good secret tries no others."""

    def __init__(self, allowed: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str) -> float:
        """How long the address has to wait before it is listened to; 0 if it has not."""
        failures = self._failures.get(address)
        if failures is None:
            return 0.0
        now = self._clock()
        while failures and failures[0] <= now - self._seconds:
            failures.popleft()
        if not failures:
            del self._failures[address]
            return 0.0
        return failures[0] + self._seconds - now if len(failures) >= self._allowed else 0.0

    def failed(self, address: str) -> None:
        """Count a failure."""
        failures = self._failures.setdefault(address, deque(maxlen=self._allowed))
        failures.append(self._clock())
        self._failures.move_to_end(address)
        while len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)
