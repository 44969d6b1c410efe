"""Pushing: layers go up as they are, nothing that is there goes up again, and the digest is the manifest's own."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import httpx
import pytest

from images import builder, registry
from images.registry import Registry
from toolchain.errors import ToolchainError

LAYERS = [b"first layer", b"second layer"]


class FakeRegistry:
    """A registry in memory that checks what it is given, as the distribution specification asks."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        *_, kind, last = request.url.path.split("/")
        match request.method, kind:
            case "HEAD", "blobs":
                return httpx.Response(200 if last in self.blobs else 404)
            case "HEAD", "manifests":
                content = self.manifests.get(last)
                headers = {"Docker-Content-Digest": digest(content or b"")}
                return httpx.Response(200, headers=headers) if content else httpx.Response(404)
            case "POST", "uploads":
                place = str(request.url) + "one?_state=x"
                return httpx.Response(202, headers={"Location": place})
            case "PUT", "uploads":
                return self._take_blob(request)
            case _:
                return self._take_manifest(last, request)

    def _take_blob(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        assert request.url.params["_state"] == "x"
        assert int(request.headers["Content-Length"]) == len(content)
        if request.url.params["digest"] != digest(content):
            return httpx.Response(400, text="digest invalid")
        self.blobs[digest(content)] = content
        self.uploads += 1
        return httpx.Response(201)

    def _take_manifest(self, version: str, request: httpx.Request) -> httpx.Response:
        content = json.loads(request.read())
        assert request.headers["Content-Type"] == content["mediaType"]
        for blob in (content["config"], *content["layers"]):
            assert len(self.blobs[blob["digest"]]) == blob["size"]
        self.manifests[version] = request.content
        return httpx.Response(201)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def saved(file: Path, layers: list[bytes]) -> Path:
    """An archive as Docker 20.10 writes it: an equal layer is a link to the first."""
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}).encode()
    with tarfile.open(file, "w") as out:
        for index, layer in enumerate(layers):
            info = tarfile.TarInfo(f"{index}/layer.tar")
            if layer in layers[:index]:
                info.type, info.linkname = tarfile.SYMTYPE, f"../{layers.index(layer)}/layer.tar"
                out.addfile(info)
            else:
                info.size = len(layer)
                out.addfile(info, io.BytesIO(layer))
        places = [f"{index}/layer.tar" for index in range(len(layers))]
        listed = [{"Config": "c.json", "RepoTags": ["blueprint/a:1"], "Layers": places}]
        for name, content in (("c.json", config), ("manifest.json", json.dumps(listed).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return file


@pytest.fixture
def fake() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def client(fake: FakeRegistry) -> Registry:
    return Registry("127.0.0.1:5001", httpx.MockTransport(fake.answer))


def test_layers_arrive_as_they_are_and_the_digest_is_the_manifest_s(
    fake: FakeRegistry, client: Registry, tmp_path: Path
) -> None:
    pushed = client.push("a", "1", saved(tmp_path / "a.tar", LAYERS))
    assert pushed == digest(fake.manifests["1"]) == client.digest("a", "1")
    layers = json.loads(fake.manifests["1"])["layers"]
    assert [fake.blobs[layer["digest"]] for layer in layers] == LAYERS


def test_what_is_there_is_not_sent_again(fake: FakeRegistry, client: Registry, tmp_path: Path) -> None:
    first = client.push("a", "1", saved(tmp_path / "a.tar", LAYERS))
    sent = fake.uploads
    assert client.push("a", "1", tmp_path / "a.tar") == first
    assert fake.uploads == sent


def test_an_equal_layer_is_found_through_its_link(fake: FakeRegistry, client: Registry, tmp_path: Path) -> None:
    client.push("a", "1", saved(tmp_path / "a.tar", [*LAYERS, LAYERS[0]]))
    sizes = [layer["size"] for layer in json.loads(fake.manifests["1"])["layers"]]
    assert sizes == [len(LAYERS[0]), len(LAYERS[1]), len(LAYERS[0])]


def test_an_unknown_version_has_no_digest(client: Registry) -> None:
    assert client.digest("a", "1") is None


@pytest.mark.parametrize("status", [500, 301])
def test_a_registry_that_does_not_answer_as_one_is_an_error_with_a_remedy(status: int) -> None:
    broken = Registry("127.0.0.1:5001", httpx.MockTransport(lambda _: httpx.Response(status)))
    with pytest.raises(ToolchainError) as refused:
        broken.digest("a", "1")
    assert refused.value.value.startswith("registry 127.0.0.1:5001: HEAD a/manifests/1: HTTP status")
    assert "make up" in refused.value.remedy


def test_a_registry_that_is_gone_is_an_error_with_a_remedy() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ToolchainError, match="refused"):
        Registry("127.0.0.1:5001", httpx.MockTransport(refuse)).digest("a", "1")


def test_the_builder_makes_nothing_for_what_the_registry_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "input_hash", lambda _: "0123456789abcdef")
    monkeypatch.setattr(registry.Registry, "digest", lambda *_: "sha256:1")
    monkeypatch.setattr(builder, "archive", lambda _: pytest.fail("nothing is to be made"))
    assert builder.push("gateway", "127.0.0.1:5001") == "sha256:1"
