"""Images kept as files in the user's cache, so that a host whose Docker storage is lost builds nothing again.

Only what takes long to make or is needed before there is a registry is kept: the bases are left out, since the images
made from them hold them.
"""

import shutil
from pathlib import Path

from images import docker
from toolchain import paths
from toolchain.progress import step

SAVE_SECONDS = 300
KEPT = frozenset({"node", "registry", "cilium-agent", "postgres", "toolbox", "python"})
ROOM = 10 * 2**30  # bytes that stay free on the cache's disk


def archive(name: str, tag: str) -> Path:
    """Where the image of this tag is kept."""
    return paths.cache() / "images" / f"{name}-{tag.rpartition(':')[2]}.tar"


def kept(name: str, tag: str) -> bool:
    """Whether a file of the image is there."""
    return archive(name, tag).exists()


def restore(name: str, tag: str) -> bool:
    """Takes the image from its file into Docker's store. Returns whether there was one."""
    if not kept(name, tag):
        return False
    with step(f"image {name} from the cache"):
        docker.load(archive(name, tag))
    return docker.exists(tag)


def keep(name: str, tag: str) -> None:
    """Keeps the image as a file, in place of older ones of its name, where the disk has room for it."""
    if name not in KEPT:
        return
    file = archive(name, tag)
    file.parent.mkdir(exist_ok=True)
    if shutil.disk_usage(file.parent).free < ROOM:
        return
    half = file.with_suffix(".half")
    try:
        docker.call("save", "--output", str(half), tag, seconds=SAVE_SECONDS)
        for older in file.parent.glob(f"{name}-{'[0-9a-f]' * 16}.tar"):
            older.unlink()
        half.rename(file)
    finally:
        half.unlink(missing_ok=True)
