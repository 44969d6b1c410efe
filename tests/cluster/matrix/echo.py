"""Answers what it hears, by TCP and UDP. Sent as text to where it runs: nothing but the standard library.

Arguments: the ports.
"""

import asyncio
import sys

BYTES = 1024


class Datagrams(asyncio.DatagramProtocol):
    """Sends each datagram back."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override] # as it is given
        """Keeps what to answer by."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers."""
        self.transport.sendto(data, addr)


async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends everything back until the other side ends."""
    while data := await reader.read(BYTES):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(ports: list[int]) -> None:
    """Answers until it is stopped."""
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_datagram_endpoint(Datagrams, local_addr=("0.0.0.0", port))  # noqa: S104 - in its own container
        await asyncio.start_server(stream, "0.0.0.0", port)  # noqa: S104
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve([int(port) for port in sys.argv[1:]]))
