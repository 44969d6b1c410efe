"""What an image is made of: the files that a build sees, and the hash of all that decides the image.

Owns gathering: recipe files, programs, Go modules' folders, a service's sources and its wheels.
"""

import hashlib
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from images.catalog import Entry, Kind, entry
from toolchain import go_modules, paths, programs
from toolchain.errors import ToolchainError
from toolchain.locking import locked
from toolchain.shell import run

RECIPES = Path(__file__).parent / "recipes"
SERVICES = paths.ROOT / "services"
FORMAT = 1  # raised when the builder itself makes other images from the same inputs
PYTHON_VERSION = "3.13"
DOWNLOAD_SECONDS = 600
_LEFT_OUT = {"__pycache__", "tests", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """This host's architecture in Go's words.

    Raises:
        ToolchainError: it is one for which no image is made.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise ToolchainError(
            f"a host of architecture {machine}", f"images are made for {', '.join(_ARCHITECTURES)}", "use such a host"
        )
    return _ARCHITECTURES[machine]


def input_hash(name: str) -> str:
    """The hash of everything that decides an image: 16 hexadecimal digits. Builds nothing.

    Packages of Debian count by name: what is built stays as it is until its recipe changes.

    Raises:
        ToolchainError: there is no such image, or its sources are not there.
    """
    found = entry(name)
    digest = hashlib.sha256()
    for label, value in _described(name, found):
        digest.update(json.dumps([label, value]).encode())
    for label, file in files(name, found):
        digest.update(json.dumps([label, file.stat().st_mode & 0o111]).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _described(name: str, found: Entry) -> Iterator[tuple[str, str]]:
    yield "format", f"{FORMAT} {name} {architecture()}"
    yield "entry", found.model_dump_json(exclude={"upstream"})
    for program in found.programs:
        yield f"program {program}", programs.key(program)
    for label, source in sorted(found.sources.items()):
        yield f"source {label}", go_modules.version(source.partition("//")[0])
    for needed in found.needs():
        yield f"image {needed}", input_hash(needed)


def files(name: str, found: Entry) -> list[tuple[str, Path]]:
    """The files of this checkout that go into a build: place in the context → file."""
    if found.kind is Kind.SERVICE:
        wanted = {"kit": SERVICES / "kit" / "blueprint_kit", f"{name}/app": SERVICES / name / "app"}
        single = {file: SERVICES / file for file in ("Dockerfile", f"{name}/requirements.txt")}
        listed = [(label.replace("kit/", "kit/blueprint_kit/", 1), file) for label, file in _tree(wanted)]
        return [*listed, *single.items()]
    folder = RECIPES / name
    return list(_tree({"recipe": folder})) if folder.is_dir() else []


def dockerfile(found: Entry) -> str:
    """Where the Dockerfile lies in the context: all services share one."""
    return "Dockerfile" if found.kind is Kind.SERVICE else "recipe/Dockerfile"


@contextmanager
def context(name: str) -> Iterator[Path]:
    """A folder with exactly what a build may see. It is removed at the end.

    Raises:
        ToolchainError: a program cannot be built, or a module or a wheel cannot be fetched.
    """
    found = entry(name)
    with tempfile.TemporaryDirectory(dir=scratch(), prefix=f"{name}-") as folder:
        root = Path(folder)
        for label, file in files(name, found):
            _copy(file, root / label)
        for program in found.programs:
            _copy(programs.build(program), root / "programs" / program)
        for label, source in found.sources.items():
            _copy_source(source, root / label)
        requirements = (SERVICES if found.kind is Kind.SERVICE else RECIPES) / name / "requirements.txt"
        if found.kind is Kind.SERVICE or requirements.is_file():
            shutil.copytree(wheels(requirements), root / "wheels")
        yield root


def scratch() -> Path:
    """Where builds keep what is half done: in the cache, which has room for it, unlike a small /tmp."""
    folder = paths.cache() / "scratch"
    folder.mkdir(exist_ok=True)
    return folder


def wheels(requirements: Path) -> Path:
    """A folder with the wheels that a locked requirements.txt names, for Debian's Python, kept in the cache.

    They are fetched on the host, so the host's way to the package index is used and nothing of it is in the image.
    """
    machine = platform.machine()
    tags = [f"{policy}_{machine}" for policy in ("manylinux_2_31", "manylinux_2_28", "manylinux2014")]
    key = hashlib.sha256(json.dumps([PYTHON_VERSION, tags]).encode() + requirements.read_bytes()).hexdigest()[:16]
    folder = paths.cache() / "wheels" / key
    with locked(f"wheels-{key}"):
        if not folder.is_dir():
            _download(requirements, tags, folder)
    return folder


def _download(requirements: Path, tags: list[str], folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".downloading-") as half:
        target = Path(half) / "wheels"
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--only-binary=:all:", "--require-hashes", "--implementation", "cp"),
                *("--python-version", PYTHON_VERSION, *(f"--platform={tag}" for tag in tags)),
                *("--dest", str(target), "--requirement", str(requirements)),
            ],
            seconds=DOWNLOAD_SECONDS,
            remedy="check that the Python package index is reachable, then run the command again",
        )
        target.rename(folder)


def _tree(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for label, folder in folders.items():
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(folder)
            if file.is_file() and not _LEFT_OUT & set(inside.parts):
                yield f"{label}/{inside.as_posix()}", file


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    target.chmod(0o755 if file.stat().st_mode & 0o111 else 0o644)


def _copy_source(source: str, target: Path) -> None:
    """Copies a module's folder out of Go's module cache, whose files are read-only."""
    module, _, folder = source.partition("//")
    for label, file in _tree({".": go_modules.folder(module) / folder}):
        _copy(file, target / label)
