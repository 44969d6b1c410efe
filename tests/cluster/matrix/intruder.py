"""What somebody with a shell in a catalog pod tries there. Sent as text; uses what the pod has.

Reads `{"logins": [[user, database], …], "folders": […], "commands": […]}` and prints what came of it as JSON.
"""

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

SECRETS = Path("/run/secrets")
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
MOST_BYTES = 1 << 20
SECONDS = 5


async def logins(pairs: list[list[str]]) -> dict[str, str]:
    """How PostgreSQL answers each user and database with the password that lies here."""
    import asyncpg  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - the catalog has it, the tests do not

    password = (SECRETS / "postgres" / "password").read_text().strip()
    found: dict[str, str] = {}
    for user, database in pairs:
        where = {"host": os.environ["POSTGRES_HOST"], "user": user, "database": database, "password": password}
        try:
            connection = await asyncpg.connect(**where, timeout=SECONDS)
        except (asyncpg.PostgresError, OSError) as error:
            found[f"{user}@{database}"] = type(error).__name__
        else:
            await connection.close()
            found[f"{user}@{database}"] = "in"
    return found


def cache(commands: list[str]) -> dict[str, str]:
    """How Valkey answers each command, as the catalog's user."""
    password = (SECRETS / "valkey" / "password").read_text().strip()
    where = (os.environ["VALKEY_HOST"], int(os.environ["VALKEY_PORT"]))
    found: dict[str, str] = {}
    with socket.create_connection(where, timeout=SECONDS) as connection, connection.makefile("rwb") as wire:
        for command in (f"AUTH {os.environ['VALKEY_USER']} {password}", *commands):
            wire.write(f"{command}\r\n".encode())
            wire.flush()
            found[command.split()[0] if command.startswith("AUTH") else command] = wire.readline().decode().strip()
    return found


def readable() -> str:
    """All that the environment and the files that pods are given things in hold."""
    texts = [Path("/proc/1/environ").read_bytes()]
    for folder in (SECRETS, Path("/var/run/secrets"), Path("/etc"), Path("/tmp"), Path("/app")):  # noqa: S108
        for file in folder.rglob("*"):
            if file.is_file() and os.access(file, os.R_OK) and file.stat().st_size < MOST_BYTES:
                texts.append(file.read_bytes())
    return b"\n".join(texts).decode(errors="replace")


def writable(folders: list[str]) -> list[str]:
    """The folders in which a file can be made."""
    found = []
    for folder in folders:
        file = Path(folder) / ".intruder"
        try:
            file.write_text("")
        except OSError:
            continue
        file.unlink()
        found.append(folder)
    return found


def process() -> dict[str, str]:
    """The kernel's view of this process: its user, its capabilities, whether it may gain more, its seccomp filter."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def tried(asked: dict[str, Any]) -> dict[str, Any]:
    """Everything, in turn."""
    return {
        "logins": asyncio.run(logins(asked["logins"])),
        "cache": cache(asked["commands"]),
        "token": Path(TOKEN).exists(),
        "readable": readable(),
        "writable": writable(asked["folders"]),
        "process": process(),
    }


if __name__ == "__main__":
    print(json.dumps(tried(json.load(sys.stdin))))
