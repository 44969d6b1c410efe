"""Builds and pushes images. An image is named by the hash of all its inputs, so what is built once is built.

Nothing is fetched while an image builds: programs, Debian roots, Go module folders and Python wheels are there before.
"""

import fcntl
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from images import context, roots
from images.catalog import Image, find
from images.node import fill
from toolchain import paths, programs
from toolchain.errors import ToolchainError
from toolchain.progress import step
from toolchain.shell import run

BUILD_SECONDS = 900
COMMAND_SECONDS = 300
JOBS = 4
"""Two builds that download and two that compile keep two cores busy within 2 GiB."""
_REMEDY = "read the lines above; when the cause is mended, run `make up` again"


def reference(name: str) -> str:
    """The image's name in the host's Docker: `blueprint/<name>:<hash>`; it need not be built yet."""
    return f"blueprint/{name}:{input_hash(name)}"


@cache
def input_hash(name: str) -> str:
    """The hash of everything the image is made of; 16 hexadecimal digits. Builds nothing.

    Raises:
        ToolchainError: the image is unknown.
    """
    image = find(name)
    parts = {
        "recipe": image.model_dump(mode="json"),
        "files": context.fingerprint(image),
        "programs": {program: programs.key(program) for program in image.programs},
        "root": roots.key(image.root) if image.root else None,
        "images": {one: input_hash(one) for one in _needed(image)},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def ensure(name: str) -> str:
    """The image in the host's Docker, built if it is not there yet.

    Returns:
        Its reference there.

    Raises:
        ToolchainError: the image is unknown, or cannot be built; then nothing of it is left.
    """
    wanted = reference(name)
    if _is_built(wanted):
        return wanted
    image = find(name)
    for needed in _needed(image):
        ensure(needed)
    base = _root(image.root) if image.root else reference(image.base) if image.base else None
    with _locked(name):
        if not _is_built(wanted):
            _build(name, image, base, wanted)
    return wanted


def ensure_all(names: Iterable[str]) -> None:
    """Builds what is missing, side by side. The first failure ends it when the builds under way have ended.

    Raises:
        ToolchainError: an image cannot be built.
    """
    missing = [name for name in names if not _is_built(reference(name))]
    if not missing:
        return
    with step(f"images: {', '.join(missing)}"), ThreadPoolExecutor(JOBS) as pool:
        needed_roots = sorted({root for name in missing for root in _roots(name)})
        made = [pool.submit(roots.ensure, root) for root in needed_roots]
        built = [pool.submit(ensure, name) for name in missing]
        wait([*made, *built], return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
        for future in made:
            future.result()
        for future_image in built:
            future_image.result()


def push(name: str, registry: str) -> str:
    """Pushes the image to the registry (`host:port[/path]`); layers that it has already are not sent again.

    Returns:
        The image's digest, `sha256:…`.

    Raises:
        ToolchainError: the registry did not take it.
    """
    target = f"{registry}/{name}:{input_hash(name)}"
    _docker("tag", reference(name), target)
    try:
        answer = _docker("push", target)
    finally:
        _docker("rmi", target)
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", answer)
    if found is None:
        raise ToolchainError(f"`docker push {target}` named no digest", "a pushed image has a digest", _REMEDY)
    return found[1]


def _needed(image: Image) -> list[str]:
    return [*image.holds, *([image.base] if image.base else [])]


def _roots(name: str) -> list[str]:
    image = find(name)
    own = [image.root] if image.root else []
    return [*own, *(root for needed in _needed(image) for root in _roots(needed))]


def _root(name: str) -> str:
    """The Debian root as an image of the host's Docker."""
    tag = f"blueprint/root-{name}:{roots.key(name)}"
    with _locked(f"root-{name}"):
        if not _is_built(tag):
            _docker("import", str(roots.ensure(name)), tag)
    return tag


def _build(name: str, image: Image, base: str | None, wanted: str) -> None:
    for program in image.programs:
        programs.build(program)
    with step(f"image {name}"), tempfile.TemporaryDirectory(prefix=f"blueprint-{name}-") as scratch:
        dockerfile = context.prepare(image, Path(scratch))
        arguments = ["--build-arg", f"BASE={base}"] if base else []
        target = f"{wanted}-unfilled" if image.holds else wanted
        _docker(
            *("build", "--quiet", "--network", "none", "--file", str(dockerfile), *arguments, "--tag", target, scratch),
            seconds=BUILD_SECONDS,
        )
        if image.holds:
            fill(target, {one: reference(one) for one in image.holds}, wanted)


def _is_built(tag: str) -> bool:
    return bool(_docker("images", "--quiet", tag).strip())


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """One build of an image at a time, across processes."""
    folder = paths.cache() / "locks"
    folder.mkdir(exist_ok=True)
    with (folder / f"image-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _docker(*arguments: str, seconds: float = COMMAND_SECONDS) -> str:
    return run(["docker", *arguments], seconds=seconds, remedy=_REMEDY, environment={"DOCKER_BUILDKIT": "0"})
