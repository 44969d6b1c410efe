"""The folder on the host that the control plane's node sees: `.blueprint/control-plane/<cluster>`, its owner's alone.

It lives as long as its cluster. The encryption's keys are here and nowhere else: not in the stack's state, and not in
the node, whose disk also holds what they encrypt.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from toolchain import paths
from toolchain.control_plane import encryption, kubeadm
from toolchain.errors import ToolchainError


def path(cluster: str) -> Path:
    """Where it is."""
    return paths.state() / "control-plane" / cluster


def make(cluster: str, files: Mapping[str, str]) -> None:
    """Makes it anew, with a first key. Keys of an earlier cluster of that name are of no use and go."""
    remove(cluster)
    path(cluster).mkdir(mode=0o700, parents=True)
    patches = {f"{kubeadm.PATCHES}/{name}": text for name, text in kubeadm.file_patches().items()}
    write(cluster, {**files, **patches, encryption.FILE: encryption.render(encryption.with_new_key([]))})


def write(cluster: str, files: Mapping[str, str]) -> None:
    """Writes files, each readable by its owner alone and at once: no reader sees half of one."""
    for name, text in files.items():
        file = path(cluster) / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        made = file.with_suffix(".new")
        made.unlink(missing_ok=True)
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
        made.replace(file)


def read(cluster: str, name: str) -> str:
    """A file's text.

    Raises:
        ToolchainError: it is not there.
    """
    try:
        return (path(cluster) / name).read_text()
    except FileNotFoundError:
        raise ToolchainError(
            f"{path(cluster) / name} is not there",
            "a cluster's control plane reads its files from the folder that `make up` made",
            "`make up` makes a cluster that has them; on another checkout or target there are none",
        ) from None


def remove(cluster: str) -> None:
    """Removes it with its keys; one that is gone already is fine."""
    if path(cluster).exists():
        shutil.rmtree(path(cluster))
