"""Which Kubernetes plugin Pulumi uses: the real one where it can be downloaded, else the stand-in.

The choice is made once for a checkout and then kept, so that a state is continued by the plugin that began it; without
`.blueprint/pulumi` it is made anew. `BLUEPRINT_LANE=source` leaves the download out.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import httpx

from toolchain import kubernetes_plugin
from toolchain.errors import ToolchainError
from toolchain.progress import console, step
from toolchain.shell import run

SOURCE_URL = "https://get.pulumi.com"
ANSWER_SECONDS = 3.0
DOWNLOAD_SECONDS = 300
VARIABLE = "BLUEPRINT_LANE"
LANES = ("auto", "source")


class Lane(StrEnum):
    """Where the plugin is from."""

    DOWNLOADED = "downloaded"
    STAND_IN = "stand-in"


def ensure(home: Path, python: Path, pulumi: Path, environment: Mapping[str, str]) -> Lane:
    """Puts the plugin where the engine looks for it, and says which one it is.

    Args:
        home: Pulumi's home folder (`PULUMI_HOME`).
        python: the interpreter that runs the stand-in.
        pulumi: the Pulumi CLI, which downloads the real one.
        environment: added to the CLI's environment.

    Raises:
        ToolchainError: `BLUEPRINT_LANE` names no lane.
    """
    folder = home / "plugins" / f"resource-kubernetes-v{kubernetes_plugin.VERSION}"
    chosen = installed(folder)
    if chosen is None and lane() == "auto" and answers(SOURCE_URL):
        chosen = _download(pulumi, {**environment, "PULUMI_HOME": str(home)})
    if chosen is not Lane.DOWNLOADED:
        kubernetes_plugin.install(folder, python)
    return chosen or Lane.STAND_IN


def installed(folder: Path) -> Lane | None:
    """Which plugin the folder holds; the stand-in's launcher is a script, the real plugin is not."""
    program = folder / kubernetes_plugin.EXECUTABLE
    if not program.exists():
        return None
    with program.open("rb") as opened:
        return Lane.STAND_IN if opened.read(2) == b"#!" else Lane.DOWNLOADED


def lane() -> str:
    """The lane that `BLUEPRINT_LANE` asks for.

    Raises:
        ToolchainError: it names none.
    """
    value = os.environ.get(VARIABLE) or "auto"
    if value not in LANES:
        raise ToolchainError(f"{VARIABLE}={value}", f"it is one of: {', '.join(LANES)}", "correct or unset it")
    return value


def answers(url: str) -> bool:
    """Whether a server can be reached there, whatever it answers; asked once, for 3 s at most."""
    try:
        httpx.head(url, timeout=ANSWER_SECONDS)
    except httpx.HTTPError:
        return False  # a question, not an act: without an answer the stand-in serves
    return True


def _download(pulumi: Path, environment: Mapping[str, str]) -> Lane:
    command = [str(pulumi), "plugin", "install", "resource", "kubernetes", kubernetes_plugin.VERSION]
    try:
        with step("download Pulumi's Kubernetes plugin"):
            run(command, seconds=DOWNLOAD_SECONDS, remedy=f"{VARIABLE}=source make up", environment=environment)
    except ToolchainError as error:
        console.print(f"! {error.value}\n! the stand-in is used instead", markup=False)
        return Lane.STAND_IN
    return Lane.DOWNLOADED
