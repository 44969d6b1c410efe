"""Images kept as files in the user's cache: what a registry is filled from, and what outlives Docker's storage."""

from pathlib import Path

from images import docker
from toolchain import paths
from toolchain.progress import step

SAVE_SECONDS = 300


def file(name: str, tag: str) -> Path:
    """Where the image of this tag is kept."""
    return paths.cache() / "images" / f"{name}-{tag.rpartition(':')[2]}.tar"


def kept(name: str, tag: str) -> bool:
    """Whether the image's file is there."""
    return file(name, tag).exists()


def restore(name: str, tag: str) -> bool:
    """Takes the image from its file into Docker's store. Returns whether there was one."""
    if not kept(name, tag):
        return False
    with step(f"image {name} from the cache"):
        docker.load(file(name, tag))
    return docker.exists(tag)


def keep(name: str, tag: str) -> None:
    """Writes the image's file, whole or not at all, in place of older ones of its name.

    Raises:
        ToolchainError: Docker has no such image, or the disk is full.
    """
    target = file(name, tag)
    target.parent.mkdir(exist_ok=True)
    half = target.with_suffix(".half")
    try:
        docker.call("save", "--output", str(half), tag, seconds=SAVE_SECONDS)
        half.rename(target)
    finally:
        half.unlink(missing_ok=True)
    for other in target.parent.glob(f"{name}-{'[0-9a-f]' * 16}.tar"):
        if other != target:
            other.unlink()
