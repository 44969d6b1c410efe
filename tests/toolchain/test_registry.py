"""The registry: what its container may do, that a lost one comes back on its volume, and that others' is not touched.

`FakeDocker` answers as `docker` 28 does, from containers and volumes in memory.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from toolchain import network, registry
from toolchain.errors import ToolchainError

CLUSTER = "shop"
NAME = "shop-registry"
IMAGE = "blueprint/registry:1"
OURS = {"io.blueprint.cluster": CLUSTER}


@dataclass
class FakeDocker:
    """Containers and volumes, each name → labels, and the commands that changed something.

    Attributes:
        states: the containers that do not run → what they are instead, in Docker's words.
        files: node:path → the text that was written there.
    """

    containers: dict[str, dict[str, str] | None] = field(default_factory=dict)
    volumes: dict[str, dict[str, str] | None] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def run(self, command: Sequence[str], **options: Any) -> str:
        """What `toolchain.shell.run` would give."""
        docker, *arguments = command
        assert docker == "docker"
        answer = self._look(arguments)
        if answer is None:
            self._change(arguments, options.get("stdin"))
            self.done.append(" ".join(arguments))
        return answer or ""

    def _look(self, arguments: list[str]) -> str | None:
        """The answer to a question; None where it is an act."""
        match arguments:
            case ["ps", "--all", "--format", "{{.Names}}", "--filter", condition]:
                return _matching(set(self.containers), condition)
            case ["ps", "--filter", condition, *only, "--format", "{{.Names}}"]:
                hidden = self.states if only == ["--filter", "status=running"] else self._exited()
                return _matching(self.containers.keys() - set(hidden), condition)
            case ["volume", "ls", "--quiet", "--filter", condition]:
                return _matching(set(self.volumes), condition)
            case ["container", "inspect", "--format", "{{json .Config.Labels}}", name]:
                return json.dumps(self.containers[name]) + "\n"
            case ["volume", "inspect", "--format", "{{json .Labels}}", name]:
                return json.dumps(self.volumes[name]) + "\n"
        return None

    def _exited(self) -> set[str]:
        return {name for name, state in self.states.items() if state == "exited"}

    def _change(self, arguments: list[str], stdin: str | None) -> None:
        match arguments:
            case ["volume", "create", "--label", label, name]:
                self.volumes.setdefault(name, dict([label.split("=")]))
            case ["run", *rest]:
                name, label = (rest[rest.index(option) + 1] for option in ("--name", "--label"))
                assert name not in self.containers, "Conflict. The container name is already in use"
                self.containers[name] = dict([label.split("=")])
            case ["rm", "--force", "--volumes", name]:
                self.containers.pop(name, None)
            case ["volume", "rm", "--force", name]:
                assert name not in self.containers, "volume is in use"
                self.volumes.pop(name, None)
            case ["exec", _, "mkdir", "-p", _]:
                pass
            case ["exec", "-i", node, "cp", "/dev/stdin", file]:
                self.files[f"{node}:{file}"] = stdin or ""
            case _:
                raise AssertionError(f"docker {arguments}")


def _matching(names: set[str], condition: str) -> str:
    """Docker's filter: the names that contain the text, or are it where it stands between ^ and $."""
    wanted = condition.removeprefix("name=")
    if wanted.startswith("^"):
        return "".join(f"{name}\n" for name in sorted(names) if f"^{name}$" == wanted)
    return "".join(f"{name}\n" for name in sorted(names) if wanted in name)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """A Docker without a registry."""
    fake = FakeDocker()
    monkeypatch.setattr(registry, "run_program", fake.run)
    return fake


@pytest.fixture
def running(docker: FakeDocker) -> FakeDocker:
    """A Docker with the registry, as `run` leaves it."""
    registry.run(CLUSTER, 5001, IMAGE)
    docker.done.clear()
    return docker


def test_the_registry_is_named_after_the_cluster() -> None:
    assert registry.name(CLUSTER) == NAME
    assert registry.address(CLUSTER) == f"{NAME}:5000"


def test_the_registry_takes_images_on_the_loopback_alone_and_may_do_nothing_else(docker: FakeDocker) -> None:
    registry.run(CLUSTER, 5001, IMAGE)
    started = docker.done[-1]
    assert "--publish 127.0.0.1:5001:5000" in started
    assert "--read-only --cap-drop ALL --security-opt no-new-privileges" in started
    assert f"--network {CLUSTER}" in started
    assert f"--volume {NAME}:/var/lib/registry" in started
    assert started.endswith(f" {IMAGE}")


def test_container_and_volume_bear_the_cluster_s_label(docker: FakeDocker) -> None:
    """`docker run` would make the volume without it, so the volume is made first."""
    registry.run(CLUSTER, 5001, IMAGE)
    assert network.LABEL == "io.blueprint.cluster"
    assert docker.volumes == {NAME: OURS}
    assert docker.containers == {NAME: OURS}
    assert [act.split()[0] for act in docker.done] == ["volume", "run"]


@pytest.mark.parametrize("state", ["exited", "paused", "restarting"])
def test_it_runs_while_its_container_runs(docker: FakeDocker, state: str) -> None:
    """`docker ps` lists what is paused or restarting too, and neither serves an image."""
    assert not registry.runs(CLUSTER)
    registry.run(CLUSTER, 5001, IMAGE)
    assert registry.runs(CLUSTER)
    docker.states = {NAME: state}
    assert not registry.runs(CLUSTER)


@pytest.mark.parametrize("state", ["exited", "paused"])
def test_a_registry_that_is_there_is_not_made_again(running: FakeDocker, state: str) -> None:
    running.states = {NAME: state}
    registry.ensure(CLUSTER, 5001, IMAGE)
    assert running.done == []


def test_a_registry_that_is_gone_is_made_anew_on_its_volume(running: FakeDocker) -> None:
    del running.containers[NAME]
    registry.ensure(CLUSTER, 5001, IMAGE)
    assert registry.runs(CLUSTER)
    assert not [act for act in running.done if act.startswith("volume rm")]


def test_removing_takes_the_container_and_then_its_volume(running: FakeDocker) -> None:
    registry.remove(CLUSTER)
    assert running.done == [f"rm --force --volumes {NAME}", f"volume rm --force {NAME}"]
    assert (running.containers, running.volumes) == ({}, {})


def test_removing_what_is_gone_is_fine(running: FakeDocker) -> None:
    registry.remove(CLUSTER)
    registry.remove(CLUSTER)
    assert (running.containers, running.volumes) == ({}, {})


@pytest.mark.parametrize("kind", ["container", "volume"])
def test_what_an_ended_run_left_of_it_is_removed(running: FakeDocker, kind: str) -> None:
    (running.volumes if kind == "container" else running.containers).clear()
    registry.remove(CLUSTER)
    assert (running.containers, running.volumes) == ({}, {})


@pytest.mark.parametrize("labels", [None, {}, {"io.blueprint.cluster": "another"}, {"maintainer": "me"}], ids=str)
@pytest.mark.parametrize("kind", ["container", "volume"])
def test_somebody_else_s_registry_is_refused_and_not_touched(
    running: FakeDocker, kind: str, labels: dict[str, str] | None
) -> None:
    """Whichever of the two is theirs: neither is removed."""
    (running.containers if kind == "container" else running.volumes)[NAME] = labels
    with pytest.raises(ToolchainError) as refused:
        registry.remove(CLUSTER)
    assert refused.value.value == f"a {kind} 'shop-registry' is there that this project did not make"
    assert refused.value.rule == "only what `make up` made is removed"
    assert "BLUEPRINT_CLUSTER=…" in refused.value.remedy
    assert refused.value.remedy.endswith(f"remove it yourself: docker {kind} rm --force shop-registry")
    assert running.done == []


def test_a_name_that_only_begins_or_ends_alike_is_another_s(docker: FakeDocker) -> None:
    """Docker's filter by name finds parts of names."""
    others: dict[str, dict[str, str] | None] = {f"{NAME}-ui": None, f"my-{NAME}": None}
    docker.containers, docker.volumes = dict(others), dict(others)
    assert not registry.runs(CLUSTER)
    registry.remove(CLUSTER)
    registry.ensure(CLUSTER, 5001, IMAGE)
    assert docker.containers == docker.volumes == others | {NAME: OURS}


def test_a_node_s_containerd_pulls_by_plain_http(docker: FakeDocker) -> None:
    """kind's documented pattern: a file in the folder that is named as the manifests name the registry."""
    registry.trust("shop-worker", f"{NAME}:5000")
    folder = f"/etc/containerd/certs.d/{NAME}:5000"
    assert docker.done[0] == f"exec shop-worker mkdir -p {folder}"
    assert docker.files == {
        f"shop-worker:{folder}/hosts.toml": f'[host."http://{NAME}:5000"]\n  capabilities = ["pull", "resolve"]\n'
    }
