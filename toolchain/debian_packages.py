"""Installs Debian packages on the host, where it may: as root, on Debian or Ubuntu."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.progress import step

OS_RELEASE = Path("/etc/os-release")
UPDATE_SECONDS = 300
INSTALL_SECONDS = 900
_ERROR_LINES = 15
# Where Debian puts what only root calls; a user's PATH may lack them.
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"


def find(program: str) -> str | None:
    """The program's path, looked for on PATH and in the folders of system programs."""
    return shutil.which(program) or shutil.which(program, path=_SYSTEM_FOLDERS)


def missing(programs: Mapping[str, str]) -> dict[str, str]:
    """Those of `programs` (program → the package that has it) that the host lacks."""
    return {program: package for program, package in programs.items() if find(program) is None}


def may_install(os_release: Path = OS_RELEASE) -> bool:
    """Whether this process is root on a host with apt-get that is Debian, Ubuntu or made from them."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None or not os_release.exists():
        return False
    lines = (line.partition("=") for line in os_release.read_text().splitlines())
    values = {name: value.strip('"') for name, _, value in lines}
    return bool({"debian", "ubuntu"} & {values.get("ID", ""), *values.get("ID_LIKE", "").split()})


def ensure(programs: Mapping[str, str], purpose: str) -> None:
    """Installs the packages of those programs that are missing.

    Args:
        programs: program → the Debian package that has it.
        purpose: what they are for, in an error's words.

    Raises:
        ToolchainError: something is missing and may not be installed here, or apt-get failed.
    """
    lacking = missing(programs)
    if not lacking:
        return
    packages = sorted(set(lacking.values()))
    if not may_install():
        raise ToolchainError(
            f"no {', '.join(sorted(lacking))} on this host",
            f"{purpose} needs them, and only root on Debian or Ubuntu may install them",
            f"install {' '.join(packages)} (or run as root on Debian), then run the command again",
        )
    with step(f"install {' '.join(packages)}"):
        _install(packages)


def _install(packages: list[str]) -> None:
    update = _apt(["update", "-q"], UPDATE_SECONDS)  # one broken source is no reason to stop: the install tells
    done = _apt(["install", "-y", "-q", "--no-install-recommends", *packages], INSTALL_SECONDS)
    if done.returncode != 0:
        tail = "\n".join([*update.stdout.splitlines()[-5:], *done.stdout.splitlines()[-_ERROR_LINES:]])
        raise ToolchainError(
            f"apt-get install {' '.join(packages)} failed:\n{tail}",
            "missing programs are installed from the host's own package sources",
            "mend the package sources (`apt-get update` must succeed), then run the command again",
        )


def _apt(arguments: list[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", *arguments]
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
