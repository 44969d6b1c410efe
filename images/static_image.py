"""Writes the image of one static program as an archive for `docker load`: one layer, one file, no clock in it.

The same program gives the same bytes, so the same digest, on every host.
Source of the format: https://github.com/moby/docker-image-spec/blob/v1.2.1/v1.2.md
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

_EPOCH = "1970-01-01T00:00:00Z"


def write(archive: Path, tag: str, program: Path, user: int, architecture: str) -> None:
    """Writes the archive.

    Args:
        archive: the file to write.
        tag: the image's tag.
        program: a statically linked program; it becomes `/<its name>`, also on PATH, and the entry point.
        user: the numeric user that it runs as, who is his own group.
        architecture: in Go's words (amd64, arm64).
    """
    layer = archive.with_suffix(".layer")
    try:
        _write_layer(layer, program)
        with layer.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        described = json.dumps(configuration(program.name, user, architecture, digest), sort_keys=True).encode()
        manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
        with tarfile.open(archive, "w") as out:
            out.add(layer, "layer.tar")
            _add_text(out, "config.json", described)
            _add_text(out, "manifest.json", json.dumps(manifest).encode())
    finally:
        layer.unlink(missing_ok=True)


def configuration(program: str, user: int, architecture: str, layer_digest: str) -> dict[str, Any]:
    """The image's configuration; `layer_digest` is the SHA-256 of the layer's tar, in hexadecimal."""
    return {
        "architecture": architecture,
        "os": "linux",
        "created": _EPOCH,
        "config": {"Env": ["PATH=/usr/local/bin"], "Entrypoint": [f"/{program}"], "User": f"{user}:{user}"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": _EPOCH, "created_by": f"blueprint: static program {program}"}],
    }


def _write_layer(layer: Path, program: Path) -> None:
    """The program, and for manifests that call it by its bare name a link to it on PATH."""
    with tarfile.open(layer, "w") as out, program.open("rb") as file:
        for folder in ("usr", "usr/local", "usr/local/bin"):
            out.addfile(_entry(folder, tarfile.DIRTYPE))
        link = _entry(f"usr/local/bin/{program.name}", tarfile.SYMTYPE)
        link.linkname = f"/{program.name}"
        out.addfile(link)
        info = _entry(program.name, tarfile.REGTYPE)
        info.size = program.stat().st_size
        out.addfile(info, file)


def _entry(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, 0o755, 0
    return info


def _add_text(out: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    out.addfile(info, io.BytesIO(content))
