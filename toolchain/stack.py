"""Pulumi as the toolchain uses it: one stack, its state, and what interrupted runs left behind."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from toolchain import backend, paths
from toolchain.errors import ToolchainError
from toolchain.progress import console
from toolchain.shell import run

STACK_SECONDS = 120
OPERATION_SECONDS = 3600
INTERRUPT_SECONDS = 180
_SECRET_VALUE = re.compile(r"""^(?!\s*\#)(?:(?!\s\#).)*\bsecure["']?\s*:""", re.MULTILINE)
"""A line with the key `secure` outside a comment, which YAML begins by a # after white space."""


def select(name: str) -> None:
    """Makes the stack current, and makes it when it is missing."""
    try:
        _pulumi("stack", "select", "--create", name)
    finally:
        keep_file_clean(_stack_file(name))


def resources(name: str) -> list[dict[str, Any]]:
    """The resources in the stack's state; empty when there is no state."""
    deployment = _export(name)
    return list((deployment.get("deployment") or {}).get("resources") or [])


def outputs(name: str) -> dict[str, Any]:
    """The stack's outputs, secrets included."""
    return dict(json.loads(_pulumi("stack", "output", "--json", "--show-secrets", "--stack", name)))


def forget_resources(name: str) -> None:
    """Empties the state of a stack whose cluster is gone, and every resource on it with it."""
    deployment = _export(name)
    deployment["deployment"]["resources"] = []
    deployment["deployment"].pop("pending_operations", None)
    _pulumi("stack", "import", "--stack", name, "--force", stdin=json.dumps(deployment))


def mend(name: str) -> None:
    """Clears what a killed run left: its lock, and the notes of creations that it began.

    Every creation of this program may be repeated (server-side apply, content-addressed images, a cluster that is
    made anew when it is half made), so a begun one is begun again.
    """
    if _dead_locks(name):
        console.print("! an earlier run was killed; its lock is removed")
        _pulumi("cancel", "--yes", "--stack", name)
    deployment = _export(name)
    if (deployment.get("deployment") or {}).get("pending_operations"):
        console.print("! an earlier run was interrupted; what it began is done again")
        deployment["deployment"]["pending_operations"] = []
        _pulumi("stack", "import", "--stack", name, "--force", stdin=json.dumps(deployment))


def operate(operation: str, name: str, *options: str) -> None:
    """Runs `pulumi up`, `preview` or `destroy` with its own display.

    An interrupt is passed to Pulumi, which ends what it began and writes its state. Pulumi has a process group of its
    own: a terminal interrupts the whole of a group, and Pulumi takes a second interrupt for "terminate at once".

    Raises:
        ToolchainError: the operation failed.
    """
    command = [_program(), operation, "--stack", name, "--non-interactive", "--suppress-permalink=true", *options]
    try:
        with subprocess.Popen(
            command, cwd=paths.ROOT, env=_environment(), stdin=subprocess.DEVNULL, process_group=0
        ) as process:
            code = _wait(process)
    finally:
        keep_file_clean(_stack_file(name))
    if code != 0:
        raise ToolchainError(
            f"`pulumi {operation}` ended with exit code {code}",
            "every resource reaches its state",
            "read the diagnostics above; when the cause is mended, `make up` goes on where it stopped",
        )


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Pulumi's exit code; after an interrupt or the deadline it may end what it began, then it is killed."""
    try:
        return process.wait(timeout=OPERATION_SECONDS)
    except KeyboardInterrupt:
        console.print("! interrupted: Pulumi ends what it began and writes its state")
        _end(process)
        raise
    except subprocess.TimeoutExpired:
        console.print(f"! not done after {OPERATION_SECONDS} s: Pulumi ends what it began and writes its state")
        return _end(process)


def _end(process: subprocess.Popen[bytes]) -> int:
    try:
        process.send_signal(signal.SIGINT)
        return process.wait(timeout=INTERRUPT_SECONDS)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        console.print(f"! Pulumi is killed: interrupted again, or not done {INTERRUPT_SECONDS} s after the interrupt")
        process.kill()
        return process.wait()


def keep_file_clean(file: Path) -> None:
    """Takes Pulumi's salt out of the stack's file, which is in git; the salt of this checkout stands in its state.

    Where the user keeps secret configuration in the file, the salt belongs to it and stays.
    """
    text = file.read_text()
    if _SECRET_VALUE.search(text):
        return
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("encryptionsalt:")]
    if kept != lines:
        file.write_text("".join(kept))


def _stack_file(name: str) -> Path:
    return paths.ROOT / f"Pulumi.{name}.yaml"


def _export(name: str) -> dict[str, Any]:
    return dict(json.loads(_pulumi("stack", "export", "--stack", name)))


def _dead_locks(name: str) -> list[Path]:
    """The stack's locks in the local backend whose process on this host is gone."""
    folder = backend.local_state()
    if folder is None:
        return []
    return [lock for lock in (folder / ".pulumi" / "locks").glob(f"*/*/{name}/*.json") if _is_dead(lock)]


def _is_dead(lock: Path) -> bool:
    holder = json.loads(lock.read_text())
    if holder.get("hostname") != socket.gethostname():
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # The process id may have been given away since; a lock older than the process's start is dead too.
    started = time.time() - _age(int(holder["pid"]))
    return lock.stat().st_mtime < started - 1


def _age(pid: int) -> float:
    ticks = float(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return uptime - ticks / os.sysconf("SC_CLK_TCK")


def _program() -> str:
    return str(backend.pulumi())


def _environment() -> dict[str, str]:
    return os.environ | backend.environment()


def _pulumi(*arguments: str, stdin: str | None = None) -> str:
    return run(
        [_program(), "-C", str(paths.ROOT), "--non-interactive", *arguments],
        seconds=STACK_SECONDS,
        remedy="read the lines above; the state lies in .blueprint/",
        stdin=stdin,
        environment=backend.environment(),
    )
