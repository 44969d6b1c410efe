"""What the host must offer before long work begins. Each check names what was found, the rule and the remedy."""

import errno
import shutil
import socket
from pathlib import Path

from toolchain import paths
from toolchain.errors import ToolchainError

GIB = 1024**3
MEMORY_GIB = 5.0
"""Three nodes with everything use about 3.8 GiB; compiling the largest program takes about as much."""
DISK_GIB = 28.0
"""Measured with empty caches: Go's module and build caches, the programs, the images."""
WARM_DISK_GIB = 5.0
"""Enough where the programs are built already."""


def check_memory(meminfo: str | None = None) -> None:
    """Refuses when less than 5 GiB of memory is available.

    Args:
        meminfo: text in the form of /proc/meminfo; read from there when not given.

    Raises:
        ToolchainError: too little.
    """
    text = Path("/proc/meminfo").read_text() if meminfo is None else meminfo
    kib = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable:"))
    available = kib * 1024 / GIB
    if available < MEMORY_GIB:
        raise ToolchainError(
            f"{available:.1f} GiB of memory available",
            f"the cluster and the builds need {MEMORY_GIB:.0f} GiB",
            "stop other programs, or use a larger machine",
        )


def check_disk(free_bytes: int | None = None) -> None:
    """Refuses when the cache's file system has too little room.

    Raises:
        ToolchainError: less than 28 GiB, or 5 GiB where the programs are built already.
    """
    folder = paths.cache()
    free = (shutil.disk_usage(folder).free if free_bytes is None else free_bytes) / GIB
    needed = WARM_DISK_GIB if (folder / "programs").exists() else DISK_GIB
    if free < needed:
        raise ToolchainError(
            f"{free:.1f} GiB free at {folder}",
            f"caches and images need {needed:.0f} GiB",
            "free some disk (`make clean` drops what this project cached), or set XDG_CACHE_HOME to a larger one",
        )


def check_port(port: int, setting: str, variable: str) -> None:
    """Refuses when the port of the loopback is taken.

    Args:
        port: the port.
        setting: the configuration key that chooses it.
        variable: the environment's name for the same.

    Raises:
        ToolchainError: another program listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise ToolchainError(
                f"port {port} of 127.0.0.1 is taken",
                f"`{setting}` names a free port",
                f"stop the program that listens there, or choose another: {variable}=<port> make up",
            ) from None
