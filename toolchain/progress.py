"""Shows long work: which step, for how long, and how it ended. Prints plain lines where no terminal watches."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

LOG_WIDTH = 150
"""Columns where no terminal says how wide it is, as in a log."""

console = Console(stderr=True, highlight=False)
if not console.is_terminal:
    console.width = LOG_WIDTH
HEARTBEAT_SECONDS = 30.0


def _still_running(title: str, started: float, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        console.print(f"  … {title} ({time.monotonic() - started:.0f} s)", style="dim")


@contextmanager
def step(title: str) -> Iterator[None]:
    """Names a step while its body runs, repeats it every 30 s with the seconds elapsed, and says how it ended."""
    started, ended = time.monotonic(), threading.Event()
    console.print(f"▸ {title}")
    heartbeat = threading.Thread(target=_still_running, args=(title, started, ended), daemon=True)
    heartbeat.start()
    try:
        yield
    except BaseException:
        console.print(f"✗ {title} ({time.monotonic() - started:.1f} s)", style="red")
        raise
    else:
        console.print(f"✓ {title} ({time.monotonic() - started:.1f} s)", style="green")
    finally:
        ended.set()
        heartbeat.join()
