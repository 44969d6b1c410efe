"""The programs that the blueprint runs. A good version on PATH is used; else the program is built with Go and cached.

Owns finding, building and caching. What a program is built from stands in `recipes`.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache as memoize
from pathlib import Path

from toolchain import paths
from toolchain.errors import ToolchainError
from toolchain.locking import locked
from toolchain.progress import step
from toolchain.recipes import RECIPES, Recipe

BUILD_SECONDS = 1800
VERSION_SECONDS = 20
_ERROR_LINES = 25


@dataclass(frozen=True)
class Accepted:
    """Which version of a program on PATH is good: the command that prints it, and the range [least, below)."""

    command: tuple[str, ...]
    least: tuple[int, ...]
    below: tuple[int, ...]

    def holds(self, version: tuple[int, ...]) -> bool:
        """Whether the version lies in the range."""
        return self.least <= version < self.below


ACCEPTED: dict[str, Accepted] = {
    "pulumi": Accepted(("version",), (3, 250, 0), (4, 0, 0)),
    "kind": Accepted(("version",), (0, 33, 0), (0, 34, 0)),
    "kubectl": Accepted(("version", "--client"), (1, 34, 0), (1, 37, 0)),
    "helm": Accepted(("version", "--short"), (4, 1, 0), (5, 0, 0)),
    "kubeconform": Accepted(("-v",), (0, 7, 0), (0, 9, 0)),
}


def parse_version(text: str) -> tuple[int, ...] | None:
    """The first `v1.2.3` (the v is optional) in a program's own words, or None where there is none."""
    found = re.search(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else None


def ensure(name: str) -> Path:
    """The program's path: from PATH where its version is good, else built.

    Raises:
        ToolchainError: the program is unknown, Go is missing, or the build failed.
    """
    return on_path(name) or build(name)


def at_hand(name: str) -> Path | None:
    """The program from PATH, or as it was built before; None where it would have to be built."""
    built = _place(name)
    return on_path(name) or (built if built.exists() else None)


@memoize
def on_path(name: str) -> Path | None:
    """The program on PATH if its version is in the range of `ACCEPTED`, else None."""
    accepted, found = ACCEPTED.get(name), shutil.which(name)
    if accepted is None or found is None:
        return None
    try:
        answer = subprocess.run(
            [found, *accepted.command], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # a program that cannot say its version is no good version; it is built instead
    version = parse_version(answer.stdout)
    return Path(found) if version and accepted.holds(version) else None


def key(name: str) -> str:
    """The content key of the source-built program, without building: its module's files, its arguments, Go's version.

    Returns:
        16 hexadecimal digits.
    """
    recipe = _recipe(name)
    digest = hashlib.sha256(json.dumps([name, recipe.arguments(), _go_version()]).encode())
    for file in recipe.files():
        digest.update(file.relative_to(recipe.folder()).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def build(name: str) -> Path:
    """The program built from source, static, from the cache where it was built before.

    Raises:
        ToolchainError: the program is unknown, Go is missing, or the build failed. A failed build leaves nothing.
    """
    program = _place(name)
    if program.exists():
        return program
    recipe = _recipe(name)
    with locked(f"go-{recipe.folder().name}"):  # the compiler fills both cores by itself
        if not program.exists():
            with step(f"build {name}"):
                _go_build(name, recipe, program)
    return program


def _place(name: str) -> Path:
    return paths.cache() / "programs" / f"{name}-{key(name)}" / name


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        known = ", ".join(sorted(RECIPES))
        raise ToolchainError(f"program {name!r}", f"a program is one of: {known}", "correct the name")
    return RECIPES[name]


@memoize
def _go() -> str:
    found = shutil.which("go")
    if found is None:
        raise ToolchainError(
            "no `go` on PATH", "programs that are not on PATH are built with Go", "install Go 1.26 or later"
        )
    return found


@memoize
def _go_version() -> str:
    command = [_go(), "env", "GOVERSION", "GOOS", "GOARCH"]
    return subprocess.run(command, capture_output=True, text=True, timeout=VERSION_SECONDS, check=True).stdout


def _go_build(name: str, recipe: Recipe, program: Path) -> None:
    """Builds beside the final place and renames, so that an interrupted build leaves no half program."""
    program.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix=".building-") as scratch:
        target = Path(scratch) / name
        command = [_go(), "build", "-o", str(target), *recipe.arguments()]
        environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
        done = subprocess.run(
            command,
            cwd=recipe.folder(),
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join(done.stderr.splitlines()[-_ERROR_LINES:])
            raise ToolchainError(
                f"build of {name} failed:\n{tail}",
                "every program is built from its locked module",
                "check that the Go module proxy is reachable and the disk has room, then run `make up` again",
            )
        program.parent.mkdir(exist_ok=True)
        target.rename(program)
