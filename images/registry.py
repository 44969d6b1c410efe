"""Puts an image's archive into a registry, layers as they are.

`docker push` compresses every layer and each node decompresses it again, which takes minutes of two cores; between
containers of one host that gains nothing. A layer that the registry has already is not sent.
Source of the calls: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx

from toolchain.errors import ToolchainError

SECONDS = 120
CHUNK = 1 << 20
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_ACCEPTED = (_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")


class Registry:
    """A registry that speaks plain HTTP.

    Args:
        address: host and port, such as `127.0.0.1:5001`.
        transport: how requests are sent; tests give their own.
    """

    def __init__(self, address: str, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address
        self._client = httpx.Client(
            base_url=f"http://{address}/v2/", timeout=SECONDS, trust_env=False, transport=transport
        )

    def digest(self, name: str, version: str) -> str | None:
        """The digest of an image's manifest, or None where the registry has none under that version.

        Raises:
            ToolchainError: the registry does not answer as one.
        """
        answer = self._call("HEAD", f"{name}/manifests/{version}", {200, 404}, Accept=", ".join(_ACCEPTED))
        return str(answer.headers["Docker-Content-Digest"]) if answer.status_code == 200 else None

    def push(self, name: str, version: str, archive: Path) -> str:
        """Sends the one image of an archive that `docker save` wrote. Returns its manifest's digest.

        Raises:
            ToolchainError: the registry does not answer, or does not take it.
        """
        with tarfile.open(archive) as opened:
            listed = json.load(_member(opened, "manifest.json"))[0]
            config = _member(opened, listed["Config"]).read()
            layers = [
                self._push_layer(name, digest, opened, place)
                for digest, place in zip(json.loads(config)["rootfs"]["diff_ids"], listed["Layers"], strict=True)
            ]
        described = {"mediaType": _CONFIG, "size": len(config), "digest": sha256(config)}
        if not self._has(name, sha256(config)):
            self._upload(name, sha256(config), len(config), iter([config]))
        content = json.dumps(manifest(described, layers), sort_keys=True).encode()
        self._call("PUT", f"{name}/manifests/{version}", {201}, content, **{"Content-Type": _MANIFEST})
        return sha256(content)

    def _push_layer(self, name: str, digest: str, archive: tarfile.TarFile, place: str) -> dict[str, Any]:
        """An uncompressed layer's digest is the one that the image's configuration gives it."""
        size = _resolved(archive, place).size
        if not self._has(name, digest):
            self._upload(name, digest, size, _chunks(_member(archive, place)))
        return {"mediaType": _LAYER, "size": size, "digest": digest}

    def _has(self, name: str, digest: str) -> bool:
        return self._call("HEAD", f"{name}/blobs/{digest}", {200, 404}).status_code == 200

    def _upload(self, name: str, digest: str, size: int, content: Iterator[bytes]) -> None:
        begun = self._call("POST", f"{name}/blobs/uploads/", {202})
        place = httpx.URL(begun.headers["Location"]).copy_add_param("digest", digest)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._call("PUT", str(place), {201}, content, **headers)

    def _call(
        self,
        method: str,
        place: str,
        expected: set[int],
        content: Iterator[bytes] | bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, place, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise self._error(f"{method} {place}: {error}") from None
        if answer.status_code not in expected:
            raise self._error(f"{method} {place}: HTTP status {answer.status_code} {answer.text[:200]}")
        return answer

    def _error(self, problem: str) -> ToolchainError:
        return ToolchainError(
            f"registry {self.address}: {problem}",
            "the stack's registry answers and takes images",
            "run `make up`, which mends the registry",
        )


def sha256(content: bytes) -> str:
    """A digest as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(config: dict[str, Any], layers: list[dict[str, Any]]) -> dict[str, Any]:
    """An OCI image manifest.

    Source: https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md
    """
    return {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}


def _member(archive: tarfile.TarFile, place: str) -> IO[bytes]:
    found = archive.extractfile(place)
    if found is None:
        raise ValueError(f"{place} is no file in {archive.name!r}, which `docker save` wrote")
    return found


def _resolved(archive: tarfile.TarFile, place: str) -> tarfile.TarInfo:
    """The file itself: a layer that another one equals is written as a link to it."""
    member = archive.getmember(place)
    while member.issym():
        target = Path(place).parent / member.linkname
        place = str(Path("/", target).resolve().relative_to("/"))
        member = archive.getmember(place)
    return member


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
