"""Debian roots: trixie with a list of packages, made on the host by mmdebstrap and kept in the user's cache.

Packages come through the host's own way to Debian's archive; nothing of that way stays in the root.
"""

import hashlib
import json
import tempfile
from pathlib import Path

from images.catalog import catalog
from toolchain import debian_packages, paths
from toolchain.locking import locked
from toolchain.progress import step
from toolchain.shell import run

SUITE = "trixie"
ARCHIVE = "http://deb.debian.org/debian"
SECONDS = 1200
OPTIONS = (
    "--variant=minbase",
    "--quiet",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--aptopt=APT::Install-Recommends "false"',
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/etc/hostname "$1"/etc/resolv.conf',
)


def key(name: str) -> str:
    """The content key of a root: its packages and how it is made; 16 hexadecimal digits."""
    content = json.dumps([SUITE, ARCHIVE, OPTIONS, catalog().roots[name]])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def ensure(name: str) -> Path:
    """The root as a tar file, from the cache where it was made before.

    Raises:
        ToolchainError: mmdebstrap is missing and may not be installed, or failed; then nothing is left.
    """
    tar = paths.cache() / "roots" / f"{name}-{key(name)}.tar"
    if tar.exists():
        return tar
    with locked(f"root-{name}"):
        if not tar.exists():
            _make(name, tar)
    return tar


def _make(name: str, tar: Path) -> None:
    """Makes the root beside its place and renames it, so that an interrupted run leaves no half of it."""
    debian_packages.ensure({"mmdebstrap": "mmdebstrap"}, "making Debian roots")
    tar.parent.mkdir(exist_ok=True)
    packages = ",".join(catalog().roots[name])
    with step(f"Debian root {name}"), tempfile.TemporaryDirectory(dir=tar.parent, prefix=".making-") as scratch:
        made = Path(scratch) / tar.name
        run(
            ["mmdebstrap", *OPTIONS, f"--include={packages}", SUITE, str(made), ARCHIVE],
            seconds=SECONDS,
            remedy="check that Debian's archive is reachable and the disk has room, then run `make up` again",
        )
        made.rename(tar)
