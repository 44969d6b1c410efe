"""Runs programs with a deadline; a failure says what ran and its last lines."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from toolchain.errors import ToolchainError

LAST_LINES = 20


def run(
    command: Sequence[str],
    *,
    seconds: float,
    remedy: str,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The program's standard output.

    Args:
        command: the program and its arguments.
        seconds: the deadline.
        remedy: the one next thing to do if it fails.
        stdin: text given to its standard input.
        environment: added to this process's own.

    Raises:
        ToolchainError: it could not start, failed, or did not end in time.
    """
    shown = " ".join(command[:6]) + (" …" if len(command) > 6 else "")
    try:
        done = subprocess.run(
            list(command),
            input=stdin,
            env=os.environ | dict(environment or {}),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise ToolchainError(f"`{shown}` did not start: {error}", "the program can run", remedy) from None
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"`{shown}` did not end", f"it ends within {seconds:.0f} s", remedy) from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()[-LAST_LINES:]
        raise ToolchainError(f"`{shown}` failed:\n" + "\n".join(lines), "it ends with exit code 0", remedy)
    return done.stdout
