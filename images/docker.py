"""What the builder asks of Docker. Each call has a deadline; a failed build names its step and its last lines."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.shell import run

QUICK_SECONDS = 60
BUILD_SECONDS = 1200
LABEL = "io.blueprint.image"
_LAST_LINES = 20
_REMEDY = "check `docker info` and the free disk, then run the command again"
# Docker passes these to a build's steps and keeps them out of the image and of its history.
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def call(*arguments: str, seconds: float = QUICK_SECONDS) -> str:
    """What `docker <arguments>` prints.

    Raises:
        ToolchainError: it failed or did not end in time.
    """
    return run(["docker", *arguments], seconds=seconds, remedy=_REMEDY)


def exists(tag: str) -> bool:
    """Whether an image of this tag is in Docker's store."""
    return bool(call("image", "ls", "--quiet", tag).strip())


def load(archive: Path) -> None:
    """Takes an archive of images into Docker's store, under the tags that it names."""
    call("load", "--quiet", "--input", str(archive), seconds=BUILD_SECONDS)


def push(tag: str, target: str) -> str:
    """Pushes the image of a tag as `target` (`registry/name:version`). Returns the digest of its manifest there.

    Raises:
        ToolchainError: the registry does not answer, or does not take it (`docker login` gives it a user).
    """
    call("tag", tag, target)
    call("push", "--quiet", target, seconds=BUILD_SECONDS)
    repository = target.rpartition(":")[0]
    listed: list[str] = json.loads(call("image", "inspect", "--format", "{{json .RepoDigests}}", target))
    return next(digest for name, _, digest in (entry.partition("@") for entry in listed) if name == repository)


def build(name: str, tag: str, context: Path, dockerfile: Path, arguments: Mapping[str, str], *, network: str) -> None:
    """Builds with the classic builder; the tag appears only when every step succeeded.

    Raises:
        ToolchainError: a step failed, in words that name the image and the step.
    """
    given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    proxies = [f"--build-arg={key}" for key in _PROXIES if key in os.environ]
    options = ["--force-rm", f"--network={network}", f"--label={LABEL}={name}", *given, *proxies]
    command = ["docker", "build", *options, "--tag", tag, "--file", str(dockerfile), str(context)]
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"DOCKER_BUILDKIT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=BUILD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise failed(name, f"it did not end within {BUILD_SECONDS} s") from None
    if done.returncode != 0:
        raise failed(name, describe(done.stdout))


def describe(output: str) -> str:
    """The step at which a build stopped and the last lines that it printed."""
    steps = re.findall(r"^Step \d+/\d+ : .*$", output, flags=re.MULTILINE)
    tail = output.strip().splitlines()[-_LAST_LINES:]
    return "\n".join([steps[-1] if steps else "before its first step", *tail])


def failed(name: str, problem: str) -> ToolchainError:
    """The error of an image that could not be made."""
    return ToolchainError(
        f"image {name!r} could not be built: {problem}",
        "every image is built from its recipe, with packages from the host's package sources",
        "check that the package sources are reachable and the disk has room, then run the command again",
    )
