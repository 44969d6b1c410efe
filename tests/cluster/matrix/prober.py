"""Knocks on many doors at once, from inside a pod. Sent there as text: nothing but the standard library.

Reads `{"seconds": …, "knocks": [[name, protocol, address, port, payload], …]}` from its input, payloads as text of
hexadecimal digits, and prints `{name: [outcome, the port that it knocked from]}`.

`connected`, `answered` and `refused` say that the packet arrived: a closed port is refused by the machine that has it.
A policy's drop is `silent`.
"""

import asyncio
import json
import socket
import sys

CONNECTED, ANSWERED, REFUSED, SILENT = "connected", "answered", "refused", "silent"
UDP_TRIES = 2
Knock = tuple[str, str, str, int, str]


async def knock(one: Knock, seconds: float) -> tuple[str, int]:
    """The outcome, and the port that was knocked from, by which the network's own record of it is found."""
    _, protocol, address, port, payload = one
    kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as door:
        door.setblocking(False)
        door.bind(("", 0))
        own = int(door.getsockname()[1])
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(door, (address, port)), seconds)
            if protocol == "TCP":
                return CONNECTED, own
            return await ask(door, bytes.fromhex(payload), seconds), own
        except ConnectionRefusedError:
            return REFUSED, own
        except TimeoutError:
            return SILENT, own
        except OSError as error:
            return f"error: {error.strerror}", own


async def ask(door: socket.socket, payload: bytes, seconds: float) -> str:
    """Sends the payload, again if nothing comes, and waits for any answer. The kernel tells of a closed port."""
    loop = asyncio.get_running_loop()
    answer = asyncio.ensure_future(loop.sock_recv(door, 2048))
    try:
        for _ in range(UDP_TRIES):
            await loop.sock_sendall(door, payload)
            if (await asyncio.wait([answer], timeout=seconds / UDP_TRIES))[0]:
                answer.result()
                return ANSWERED
        return SILENT
    finally:
        answer.cancel()


async def knock_on_all(knocks: list[Knock], seconds: float) -> dict[str, tuple[str, int]]:
    """All of them at the same time."""
    outcomes = await asyncio.gather(*(knock(one, seconds) for one in knocks))
    return {one[0]: outcome for one, outcome in zip(knocks, outcomes, strict=True)}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(asyncio.run(knock_on_all([tuple(one) for one in asked["knocks"]], asked["seconds"]))))
