"""An OCI runtime in front of runc, for hosts whose bounding set lacks a capability that Docker would grant.

Owns the rewriting of what runc is about to read: on `create` and `run` the bundle's `config.json`, on `exec` the
process file. Every capability that the host itself lacks is left out (runc would fail with "unable to apply caps"), and
a negative OOM score, which needs CAP_SYS_RESOURCE, is raised to 0. Then it becomes runc.

This file stands alone: `engine` copies it beside Docker, where it is started for every runtime call by
`python3 -IS` (about 20 ms), so it imports nothing but the standard library.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

RUNC = "/usr/sbin/runc"
STATUS = "/proc/self/status"

# Bit by bit as in linux/capability.h.
CAPABILITIES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]


def bounding_set(status: str) -> set[str]:
    """The capability names (`CAP_…`) of the `CapBnd` line in the text of `/proc/<pid>/status`."""
    line = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    mask = int(line.split()[1], 16)
    return {f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if mask >> bit & 1}


def lacking(status: str) -> set[str]:
    """The capabilities that the kernel's list has and the bounding set in `status` has not."""
    return {f"CAP_{name}" for name in CAPABILITIES} - bounding_set(status)


def mend_process(process: dict[str, Any], allowed: set[str]) -> dict[str, Any]:
    """An OCI `process` object that asks for nothing that the host lacks. Returns a new object."""
    mended = dict(process)
    if process.get("capabilities"):
        mended["capabilities"] = {
            kind: [name for name in names if name in allowed] for kind, names in process["capabilities"].items()
        }
    if process.get("oomScoreAdj", 0) < 0:
        mended["oomScoreAdj"] = 0
    return mended


def mend_config(config: dict[str, Any], allowed: set[str]) -> dict[str, Any]:
    """An OCI `config.json` whose process asks for nothing that the host lacks. Returns a new object."""
    return config | {"process": mend_process(config["process"], allowed)} if "process" in config else config


def option(arguments: Sequence[str], *names: str) -> str | None:
    """The value of a command line option, written `--name value` or `--name=value`, or None."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(arguments[index + 1 :]), None)
    return None


def rewrite(path: str, mend: Any, allowed: set[str]) -> None:
    """Rewrites one JSON file in place, whole or not at all. Keeps its mode."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up time
        before = json.load(file)
    after = mend(before, allowed)
    if after == before:
        return
    scratch = f"{path}.mended"
    with open(scratch, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(after, file)
    os.chmod(scratch, os.stat(path).st_mode & 0o777)  # noqa: PTH101, PTH116
    os.replace(scratch, path)  # noqa: PTH105


def mend_call(arguments: Sequence[str], status: str) -> None:
    """Rewrites the file that a runc call with these arguments is about to read; other calls are left as they are."""
    allowed = bounding_set(status)
    if "create" in arguments or "run" in arguments:
        bundle = option(arguments, "--bundle", "-b") or "."
        rewrite(os.path.join(bundle, "config.json"), mend_config, allowed)  # noqa: PTH118
    elif "exec" in arguments:
        process = option(arguments, "--process", "-p")
        if process:
            rewrite(process, mend_process, allowed)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Mends the call and becomes runc. Does not return."""
    with open(STATUS, encoding="utf-8") as file:  # noqa: PTH123
        mend_call(arguments, file.read())
    runc = environment.get("BLUEPRINT_RUNC", RUNC)
    os.execv(runc, [runc, *arguments])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
