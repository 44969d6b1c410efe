"""Makes images, each once for the same inputs, and puts them into a registry.

The tag of an image is the hash of its inputs: `blueprint/<name>:<hash>`. A tag appears when its build succeeded, never
before, so an interrupted build leaves nothing that would be taken for the image.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from images import docker, exported, node_image, static_image
from images.catalog import Entry, Kind, entry
from images.inputs import architecture, context, dockerfile, input_hash, scratch
from images.registry import Registry
from toolchain import debian_packages, programs
from toolchain.errors import ToolchainError
from toolchain.locking import locked
from toolchain.progress import step
from toolchain.shell import run

__all__ = ["ensure", "ensure_all", "input_hash", "push", "reference"]

DEBIAN = "trixie"
GIBIBYTES_A_BUILD = 2.0


def reference(name: str) -> str:
    """The image's tag in Docker's store, whether or not it is built.

    Raises:
        ToolchainError: there is no such image.
    """
    return f"blueprint/{name}:{input_hash(name)}"


def ensure(name: str) -> str:
    """Makes the image if it is not there, and all that it needs. Returns its tag.

    Raises:
        ToolchainError: there is no such image, or a step of its build failed.
    """
    tag = reference(name)
    if docker.exists(tag):
        return tag
    with locked(f"image-{name}"):
        if docker.exists(tag) or exported.restore(name, tag):
            return tag
        for needed in entry(name).needs():
            ensure(needed)
        for program in entry(name).programs:
            programs.build(program)
        with step(f"image {name}"):
            _BUILDERS[entry(name).kind](name, tag, entry(name))
    return tag


def ensure_all(names: Iterable[str], jobs: int | None = None) -> dict[str, str]:
    """Makes the images and all that they need, several at a time. Returns name → tag for the given names.

    Afterwards each is kept in the user's cache, from where `ensure` and `push` take it.

    Args:
        names: images of the catalog.
        jobs: how many builds run at a time; by default as many as cores and memory allow.

    Raises:
        ToolchainError: of the first build that failed; the others that had begun are ended first.
    """
    wanted = list(names)
    with ThreadPoolExecutor(max_workers=jobs or affordable_jobs()) as pool:
        futures = [pool.submit(archive if name in wanted else ensure, name) for name in missing(wanted)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return {name: reference(name) for name in wanted}


def missing(wanted: Collection[str]) -> list[str]:
    """What must be made so that each wanted image is kept: each after what it is made from. Asks Docker what it has."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        tag = reference(name)
        if exported.kept(name, tag):
            return
        if not docker.exists(tag):
            for needed in entry(name).needs():
                visit(needed)
        elif name not in wanted:
            return
        found[name] = None

    for name in wanted:
        visit(name)
    return list(found)


def affordable_jobs() -> int:
    """As many builds as there are cores, but no more than the free memory has 2 GiB for; at least one."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return max(1, min(os.cpu_count() or 1, int(free / GIBIBYTES_A_BUILD)))


def push(name: str, registry: str) -> str:
    """Puts the image into a registry; nothing is sent when it is there already.

    One on 127.0.0.1 is the stack's own: it speaks plain HTTP and takes layers as they are. To any other Docker pushes,
    by HTTPS and with the user's own login.

    Args:
        name: an image of the catalog.
        registry: host, port and path, such as `127.0.0.1:5001` or `registry.example.com/blueprint`.

    Returns:
        The digest of its manifest there, `sha256:…`.

    Raises:
        ToolchainError: the image cannot be made, or the registry does not take it.
    """
    version = input_hash(name)
    if not registry.startswith("127.0.0.1:"):
        return docker.push(ensure(name), f"{registry}/{name}:{version}")
    to = Registry(registry)
    return to.digest(name, version) or to.push(name, version, archive(name))


def archive(name: str) -> Path:
    """The image as a file that `docker load` takes, in the user's cache; made where it is missing.

    Raises:
        ToolchainError: the image cannot be made, or the disk is full.
    """
    tag = reference(name)
    if not exported.kept(name, tag):
        ensure(name)
        with locked(f"kept-{name}"):
            if not exported.kept(name, tag):
                exported.keep(name, tag)
    return exported.file(name, tag)


def _build_root(name: str, tag: str, _found: Entry) -> None:
    """Debian by mmdebstrap on the host, through the host's own package sources; the image names Debian's."""
    debian_packages.ensure({"mmdebstrap": "mmdebstrap"}, "the Debian base image")
    with tempfile.TemporaryDirectory(dir=scratch(), prefix=f"{name}-") as folder:
        archive = Path(folder) / "root.tar"
        try:
            run(debootstrap_command(archive), seconds=docker.BUILD_SECONDS, remedy="see below")
        except ToolchainError as error:
            raise docker.failed(name, error.value) from None
        docker.call("import", "--change", 'CMD ["/bin/sh"]', str(archive), tag, seconds=docker.BUILD_SECONDS)


def debootstrap_command(archive: Path) -> list[str]:
    """The mmdebstrap command line. The certificates are Debian's own; the host's are not taken along."""
    clean = "rm -rf $1/var/cache/* $1/var/log/* $1/usr/share/doc/* $1/usr/share/man/* $1/usr/share/locale/*"
    options = ["--quiet", "--variant=minbase", "--include=ca-certificates", f"--customize-hook={clean}"]
    return ["mmdebstrap", *options, DEBIAN, str(archive)]


def _build_static(name: str, tag: str, found: Entry) -> None:
    program = programs.build(found.programs[0])
    with tempfile.TemporaryDirectory(dir=scratch(), prefix=f"{name}-") as folder:
        archive = Path(folder) / "image.tar"
        static_image.write(archive, tag, program, found.user, architecture())
        docker.load(archive)


def _build_dockerfile(name: str, tag: str, found: Entry) -> None:
    """Steps may use the host's network, for Debian's packages; nothing of that is in the image."""
    arguments = {base.upper().replace("-", "_"): reference(base) for base in found.bases}
    with context(name) as folder:
        docker.build(name, tag, folder, folder / dockerfile(found), arguments, network="host")


def _build_service(name: str, tag: str, found: Entry) -> None:
    """As services/README.md says: everything is in the context, the build has no network."""
    with context(name) as folder:
        arguments = {"BASE": reference(found.bases[0]), "SERVICE": name}
        docker.build(name, tag, folder, folder / dockerfile(found), arguments, network="none")


def _build_node(_name: str, tag: str, found: Entry) -> None:
    contained = {reference(inner): fixed for inner, fixed in found.contains.items()}
    node_image.build(tag, reference(found.bases[0]), contained)


_BUILDERS: Mapping[Kind, Callable[[str, str, Entry], None]] = {
    Kind.ROOT: _build_root,
    Kind.STATIC: _build_static,
    Kind.DOCKERFILE: _build_dockerfile,
    Kind.SERVICE: _build_service,
    Kind.NODE: _build_node,
}
