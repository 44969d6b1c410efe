"""Knocks on a few doors again and again, from inside a pod, and tells when each opened and closed.

Sent there as text: nothing but the standard library. Reads `{"seconds": …, "doors": {name: [address, port]}}` and
prints `{name: [[when, arrived], …]}` with the machine's own clock at each knock's end.
"""

import asyncio
import json
import sys
import time

PAUSE_SECONDS = 0.05
KNOCK_SECONDS = 0.25


async def arrives(address: str, port: int) -> bool:
    """Whether a connection is accepted soon."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), KNOCK_SECONDS)
    except OSError:  # a timeout is one
        return False
    writer.close()
    return True


async def watch(address: str, port: int, seconds: float) -> list[tuple[float, bool]]:
    """What became of each knock."""
    seen: list[tuple[float, bool]] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        arrived = await arrives(address, port)
        seen.append((time.time(), arrived))
        await asyncio.sleep(PAUSE_SECONDS)
    return seen


async def watch_all(doors: dict[str, tuple[str, int]], seconds: float) -> dict[str, list[tuple[float, bool]]]:
    """All doors at the same time."""
    seen = await asyncio.gather(*(watch(address, port, seconds) for address, port in doors.values()))
    return dict(zip(doors, seen, strict=True))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(asyncio.run(watch_all(asked["doors"], asked["seconds"]))))
