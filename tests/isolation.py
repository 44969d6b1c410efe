"""What unit tests are kept from: the settings and the ignored signals of whoever started them."""

import os
import signal

import pytest


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the caller's environment reaches the test."""
    for name in [name for name in os.environ if name.startswith("BLUEPRINT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A shell starts what runs in its background with interrupts ignored, and every program below inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
