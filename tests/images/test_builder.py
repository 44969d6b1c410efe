"""The builder: once for the same inputs, nothing tagged by half, nothing sent twice."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from images import builder, docker, exported, inputs, node_image, static_image
from images.catalog import Kind, load
from toolchain import programs
from toolchain.errors import ToolchainError


class FakeStore:
    """Docker's store in memory, and a record of what was built."""

    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.built: list[str] = []
        self.calls: list[tuple[str, ...]] = []

    def build(self, name: str, tag: str, _entry: object) -> None:
        self.built.append(name)
        self.tags.add(tag)

    def call(self, *arguments: str, seconds: float = 0) -> str:
        self.calls.append(arguments)
        if arguments[:2] == ("save", "--output"):
            Path(arguments[2]).write_text(arguments[3])
        if arguments[:2] == ("image", "inspect"):
            repository = arguments[-1].rpartition(":")[0]
            return json.dumps([f"elsewhere/gateway@{'sha256:' + 'b' * 64}", f"{repository}@{'sha256:' + 'a' * 64}"])
        return ""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeStore]:
    fake = FakeStore()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(docker, "exists", lambda tag: tag in fake.tags)
    monkeypatch.setattr(docker, "call", fake.call)
    monkeypatch.setattr(builder, "_BUILDERS", dict.fromkeys(Kind, fake.build))
    monkeypatch.setattr(builder, "reference", lambda name: f"blueprint/{name}:0123456789abcdef")
    monkeypatch.setattr(programs, "build", lambda name: Path("/") / name)
    yield fake


def test_an_image_is_built_after_its_bases_and_only_once(store: FakeStore) -> None:
    assert builder.ensure("gateway") == "blueprint/gateway:0123456789abcdef"
    builder.ensure("gateway")
    assert store.built == ["debian", "python", "gateway"]


def test_several_builds_share_their_base(store: FakeStore) -> None:
    tags = builder.ensure_all(["gateway", "catalog", "toolbox"], jobs=3)
    assert sorted(store.built) == ["catalog", "debian", "gateway", "python", "toolbox"]
    assert list(tags) == ["gateway", "catalog", "toolbox"]


def test_what_an_image_in_the_store_was_made_from_is_not_made_again(store: FakeStore) -> None:
    store.tags.add("blueprint/gateway:0123456789abcdef")
    builder.ensure_all(["gateway"])
    assert store.built == []


def test_a_kept_file_spares_the_build_and_that_of_its_bases(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    builder.ensure_all(["registry"])
    store.tags.clear()
    store.built.clear()
    monkeypatch.setattr(docker, "load", lambda _: store.tags.add("blueprint/registry:0123456789abcdef"))
    builder.ensure_all(["registry"])
    assert builder.ensure("registry") in store.tags
    assert store.built == []


def test_an_older_file_of_an_image_makes_room_for_the_newer(store: FakeStore) -> None:
    older = exported.file("toolbox", "blueprint/toolbox:aaaaaaaaaaaaaaaa")
    other = exported.file("toolbox-two", "blueprint/toolbox-two:aaaaaaaaaaaaaaaa")
    older.parent.mkdir(parents=True)
    for file in (older, other):
        file.touch()
    newer = builder.archive("toolbox")
    assert (older.exists(), other.exists(), newer.exists()) == (False, True, True)


def test_a_file_that_could_not_be_written_leaves_nothing(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: str, seconds: float = 0) -> str:
        Path(arguments[2]).touch()
        raise ToolchainError("disk full", "room", "make room")

    monkeypatch.setattr(docker, "call", full)
    with pytest.raises(ToolchainError, match="disk full"):
        builder.archive("toolbox")
    folder = exported.file("toolbox", "blueprint/toolbox:0123456789abcdef").parent
    assert list(folder.iterdir()) == []


def test_a_failure_is_told_and_ends_the_rest(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, _tag: str, _entry: object) -> None:
        raise docker.failed(name, "Step 2/2 : RUN false")

    monkeypatch.setitem(builder._BUILDERS, Kind.ROOT, fail)
    with pytest.raises(ToolchainError, match=r"image 'debian' could not be built: Step 2/2 : RUN false"):
        builder.ensure_all(["gateway", "catalog"], jobs=2)
    assert store.tags == set()


def test_builds_are_no_more_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 5 * 2**30 // 4096)
    assert builder.affordable_jobs() == 2
    monkeypatch.setattr("os.sysconf", lambda name: 1)
    assert builder.affordable_jobs() == 1


def test_the_same_program_gives_the_same_image(tmp_path: Path) -> None:
    program = tmp_path / "coredns"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    archives = [tmp_path / "one.tar", tmp_path / "two.tar"]
    configurations = []
    for archive in archives:
        static_image.write(archive, "blueprint/coredns:1", program, 65532, "amd64")
        program.touch()
        with tarfile.open(archive) as opened:
            configurations.append(opened.extractfile("config.json").read())  # type: ignore[union-attr]
            manifest = json.load(opened.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert configurations[0] == configurations[1]
    assert json.loads(configurations[0])["config"]["User"] == "65532:65532"
    assert manifest == [{"Config": "config.json", "RepoTags": ["blueprint/coredns:1"], "Layers": ["layer.tar"]}]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["coredns", "one.tar", "two.tar"]


def test_a_node_that_cannot_be_filled_is_not_tagged_and_leaves_no_container(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*arguments: str, seconds: float = 0) -> str:
        store.call(*arguments)
        if "import" in arguments:
            raise ToolchainError("no room", "room", "make room")
        return ""

    monkeypatch.setattr(docker, "call", call)
    with pytest.raises(ToolchainError, match="no room"):
        node_image.build("blueprint/node:1", "blueprint/node-base:1", {"blueprint/etcd:1": "registry.k8s.io/etcd:1"})
    assert "commit" not in [call[0] for call in store.calls]
    assert store.calls[-1][:2] == ("rm", "--force")


def test_a_service_is_built_by_the_dockerfile_of_all_services_without_a_network(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, object] = {}

    def build(name: str, _tag: str, folder: Path, dockerfile: Path, arguments: object, *, network: str) -> None:
        asked.update(arguments=arguments, network=network, dockerfile=dockerfile.relative_to(folder).as_posix())
        asked["context"] = sorted(file.relative_to(folder).as_posix() for file in folder.glob("*"))

    monkeypatch.setattr(docker, "build", build)
    (tmp_path / "wheels").mkdir()
    monkeypatch.setattr(inputs, "wheels", lambda _: tmp_path / "wheels")
    builder._build_service("gateway", "blueprint/gateway:1", load()["gateway"])
    assert asked == {
        "arguments": {"BASE": "blueprint/python:0123456789abcdef", "SERVICE": "gateway"},
        "network": "none",
        "dockerfile": "Dockerfile",
        "context": ["Dockerfile", "gateway", "kit", "wheels"],
    }


def test_a_recipe_that_locks_wheels_finds_them_in_its_context(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contexts: dict[str, list[str]] = {}

    def build(name: str, _tag: str, folder: Path, *_: object, **__: object) -> None:
        contexts[name] = sorted(file.relative_to(folder).as_posix() for file in folder.glob("*/*"))

    wheel, program = tmp_path / "wheels" / "one.whl", tmp_path / "program"
    wheel.parent.mkdir()
    wheel.touch()
    program.touch()
    monkeypatch.setattr(docker, "build", build)
    monkeypatch.setattr(inputs, "wheels", lambda _: wheel.parent)
    monkeypatch.setattr(programs, "build", lambda _: program)
    for name in ("envoy", "valkey"):
        builder._build_dockerfile(name, f"blueprint/{name}:1", load()[name])
    assert contexts == {
        "envoy": ["programs/contour", "recipe/Dockerfile", "recipe/requirements.txt", "wheels/one.whl"],
        "valkey": ["recipe/Dockerfile"],
    }


def test_to_a_registry_elsewhere_docker_pushes_with_the_user_s_login(store: FakeStore) -> None:
    """The digest is the one of that registry, whatever other registries the image was pushed to before."""
    assert builder.push("gateway", "registry.example.com:5000/blueprint") == "sha256:" + "a" * 64
    target = f"registry.example.com:5000/blueprint/gateway:{builder.input_hash('gateway')}"
    assert ("tag", "blueprint/gateway:0123456789abcdef", target) in store.calls
    assert ("push", "--quiet", target) in store.calls
