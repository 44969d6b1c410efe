"""What a Docker build sees: the recipe's own files, programs, folders of Go modules, and the parts of a service."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from images import wheels
from images.catalog import RECIPE_FOLDER, Image
from toolchain import programs
from toolchain.paths import ROOT
from toolchain.recipes import MODULES
from toolchain.shell import run

SERVICES = ROOT / "services"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "tests", "*.pyc", ".venv", ".*_cache")
DOWNLOAD_SECONDS = 300


def fingerprint(image: Image) -> dict[str, str]:
    """The SHA-256 of every file of ours that goes in, by its path, and the versions of Go modules."""
    files = {
        f"{place.name}/{file.relative_to(place).as_posix()}": hashlib.sha256(file.read_bytes()).hexdigest()
        for place in _own(image)
        for file in _files(place)
    }
    return files | {folder: _version(source) for folder, source in image.folders.items()}


def prepare(image: Image, target: Path) -> Path:
    """Fills the folder with the image's build context, and says where in it the Dockerfile lies."""
    if image.service:
        return _prepare_service(image.service, target)
    recipe = RECIPE_FOLDER / str(image.recipe)
    shutil.copytree(recipe, target, dirs_exist_ok=True)
    for program in image.programs:
        _link(programs.build(program), target / "programs" / program)
    for name, source in image.folders.items():
        module, _, folder = source.partition("//")
        shutil.copytree(_download(module) / folder, target / name, copy_function=shutil.copyfile)
        _make_writable(target / name)
    return target / "Dockerfile"


def _prepare_service(service: str, target: Path) -> Path:
    shutil.copytree(SERVICES / "kit" / "blueprint_kit", target / "kit" / "blueprint_kit", ignore=_LEFT_OUT)
    shutil.copytree(SERVICES / service, target / service, ignore=_LEFT_OUT)
    for wheel in wheels.ensure(SERVICES / service / "requirements.txt"):
        _link(wheel, target / "wheels" / wheel.name)
    return target / service / "Dockerfile"


def _own(image: Image) -> list[Path]:
    if image.service:
        return [SERVICES / "kit" / "blueprint_kit", SERVICES / image.service]
    return [RECIPE_FOLDER / str(image.recipe)]


def _files(folder: Path) -> Iterator[Path]:
    """The folder's files that go into an image, in a stable order."""
    for entry in sorted(folder.iterdir()):
        if entry.name in _LEFT_OUT(str(folder), [entry.name]):
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def _version(source: str) -> str:
    return _go("list", "-m", "-f", "{{.Version}}", source.partition("//")[0]).strip()


def _download(module: str) -> Path:
    return Path(json.loads(_go("mod", "download", "-json", module))["Dir"])


def _go(*arguments: str) -> str:
    remedy = "check that the Go module proxy is reachable, then run `make up` again"
    return run(["go", "-C", str(MODULES / "suite"), *arguments], seconds=DOWNLOAD_SECONDS, remedy=remedy)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _make_writable(folder: Path) -> None:
    """A Go module's folders are read-only; the copy must be removable."""
    for place in (folder, *(found for found in folder.rglob("*") if found.is_dir())):
        place.chmod(0o755)
    for file in folder.rglob("*"):
        if file.is_file() and file.read_bytes()[:2] == b"#!":
            file.chmod(0o755)
