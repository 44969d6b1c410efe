"""Puts the language host and the shims that go with it where the Pulumi CLI looks for them: in a folder on PATH."""

import os
import shlex
import tempfile
from pathlib import Path

LAUNCHERS = {
    "pulumi-language-python": ("-m", "toolchain.language_host"),
    "pulumi-resource-pulumi-python": ("-u", "-m", "pulumi.dynamic"),
}
"""Each program's name and what the interpreter runs for it. The second serves dynamic providers."""


def install(bin_dir: Path, python: Path) -> None:
    """Writes the launchers into the folder; those that are there already and right are left alone.

    Args:
        bin_dir: the folder, made when missing; the caller puts it on PATH.
        python: an interpreter that can import `pulumi` and `toolchain`.
    """
    bin_dir.mkdir(parents=True, exist_ok=True)
    for name, arguments in LAUNCHERS.items():
        write_launcher(bin_dir / name, [str(python), *arguments])


def write_launcher(target: Path, command: list[str]) -> None:
    """Writes an executable that becomes the command, given its own arguments; atomic, and idempotent."""
    text = f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'
    if target.exists() and target.read_text() == text:
        return
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    Path(scratch).chmod(0o755)
    Path(scratch).replace(target)
