"""`up`, `preview` and `down`: what is done in which order, what is mended, what is refused, and one run at a time."""

import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from images import builder
from infra.settings import Settings, Target, parse
from toolchain import backend, engine, kind, lifecycle, paths, policy_pack, preflight, programs, registry, report, stack
from toolchain.errors import ToolchainError
from toolchain.kind import Health

KIND = parse({"cluster": "shop", "gatewayPort": 9080, "registryPort": 5005}, {}, "local")
PACK = " ".join(policy_pack.OPTIONS)
UP = f"operate up local --yes --skip-preview --suppress-outputs {PACK}"
PREVIEW = f"operate preview local --diff {PACK}"
EXISTING = Settings(target=Target.EXISTING, kubeconfig="~/.kube/config", registry="registry.test:5000")
GATEWAY = "http://127.0.0.1:9080"
RESOURCES = [
    {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:local::blueprint::pulumi:pulumi:Stack::blueprint-local"},
    {
        "type": "blueprint:cluster:KindCluster",
        "urn": "urn:pulumi:local::blueprint::blueprint:cluster:KindCluster::shop",
    },
]


@dataclass
class World:
    """Everything that a command may touch: a cluster in some state, a stack's state, and the journal of what was done.

    Attributes:
        health: the cluster's.
        started: the cluster's health when its containers were started.
        resources: what the stack's state holds.
        done: every act, in words and in its order.
        refuses: the act that fails.
    """

    health: Health = Health.ABSENT
    started: Health = Health.HEALTHY
    resources: list[dict[str, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    refuses: str = ""

    def note(self, act: str) -> Callable[..., None]:
        """A function that notes that it was called, with which texts, and which options it was given."""

        def noted(*arguments: Any, **options: Any) -> None:
            texts = [str(one) for one in arguments if isinstance(one, (str, int))]
            words = " ".join([act, *texts, *(name for name, value in options.items() if value)])
            self.done.append(words)
            if self.refuses and words.startswith(self.refuses):
                raise ToolchainError(words, "it works", "look")

        return noted

    def start(self, *arguments: Any) -> None:
        self.note("start")(*arguments)
        self.health = self.started

    def delete(self, name: str) -> None:
        self.note("delete")(name)
        self.health = Health.ABSENT

    def forget(self, name: str) -> None:
        self.note("forget")(name)
        self.resources = []


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A host on which nothing is real but the lock."""
    made = World()
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.delenv("BLUEPRINT_STACK", raising=False)
    monkeypatch.setattr(lifecycle, "settings", lambda: KIND)
    monkeypatch.setattr(kind, "health", lambda _name: made.health)
    monkeypatch.setattr(stack, "resources", lambda _name: made.resources)
    monkeypatch.setattr(stack, "outputs", lambda _name: {"urls": {"gateway": GATEWAY}})
    monkeypatch.setattr(backend, "plugin_lane", lambda: "stand-in")
    monkeypatch.setattr(builder, "reference", lambda name: f"blueprint/{name}:1")
    monkeypatch.setattr(kind, "start", made.start)
    monkeypatch.setattr(kind, "delete", made.delete)
    monkeypatch.setattr(stack, "forget_resources", made.forget)
    acts: list[tuple[object, str, str]] = [
        (preflight, "check_memory", "check memory"),
        (preflight, "check_disk", "check disk"),
        (preflight, "check_port", "check port"),
        (engine, "ensure", "engine"),
        (programs, "ensure", "program"),
        (builder, "ensure_all", "images"),
        (registry, "remove", "remove registry"),
        (stack, "select", "select"),
        (stack, "mend", "mend"),
        (stack, "operate", "operate"),
        (report, "print_lanes", "print lanes"),
        (lifecycle, "_wait_for_the_shop", "wait for"),
        (report, "print_urls", "print urls"),
    ]
    for module, name, words in acts:
        monkeypatch.setattr(module, name, made.note(words))
    return made


def test_the_stack_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLUEPRINT_STACK", raising=False)
    assert lifecycle.stack_name() == "local"
    monkeypatch.setenv("BLUEPRINT_STACK", "existing")
    assert lifecycle.stack_name() == "existing"


def test_bad_configuration_is_refused_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  blueprint:workers: 0\n")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.delenv("BLUEPRINT_STACK", raising=False)
    monkeypatch.setattr(engine, "ensure", lambda: pytest.fail("nothing is to be done"))
    with pytest.raises(ToolchainError, match="blueprint:workers = 0"):
        lifecycle.up()


START = "start shop 5005 blueprint/registry:1"
PORTS = [
    "check port 9080 blueprint:gatewayPort BLUEPRINT_GATEWAY_PORT",
    "remove registry shop",
    "check port 5005 blueprint:registryPort BLUEPRINT_REGISTRY_PORT",
]


def test_up_checks_what_is_quick_before_it_builds_and_mends_before_it_makes(world: World) -> None:
    lifecycle.up()
    assert world.done == [
        "check memory",
        "check disk",
        "engine",
        *PORTS,
        *(f"program {name}" for name in lifecycle.PROGRAMS),
        "images",
        "select local",
        "mend local",
        "print lanes stand-in",
        UP,
        "print urls",
    ]


def test_up_on_an_existing_cluster_touches_no_cluster_of_kind_s(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever state a kind cluster of that name is in, it is not this stack's."""
    monkeypatch.setattr(lifecycle, "settings", lambda: EXISTING)
    monkeypatch.setattr(kind, "health", lambda _name: pytest.fail("kind is not asked"))
    lifecycle.up()
    assert not [act for act in world.done if act.startswith(("check port", "remove registry", "start", "delete"))]
    assert world.done[-2:] == [UP, "print urls"]


def test_a_failed_up_prints_no_urls(world: World) -> None:
    world.refuses = "operate"
    with pytest.raises(ToolchainError, match="operate up"):
        lifecycle.up()
    assert "print urls" not in world.done


@pytest.mark.parametrize("known", [True, False], ids=["known to the state", "unknown to the state"])
@pytest.mark.parametrize("health", [Health.ABSENT, Health.STOPPED, Health.MOVED, Health.SILENT, Health.HEALTHY])
def test_cluster_and_state_are_brought_together(world: World, health: Health, known: bool) -> None:
    """Both there, or neither: a state without its cluster is emptied, a cluster without its state is refused."""
    world.health, world.resources = health, list(RESOURCES) if known else []
    acts = {
        (Health.ABSENT, True): ["forget local"],
        (Health.ABSENT, False): [],
        (Health.STOPPED, True): [START],
        (Health.MOVED, True): [START],
        (Health.SILENT, True): [START],
        (Health.HEALTHY, True): [],
    }
    if (health, known) in acts:
        lifecycle._mend_cluster(KIND)
        assert world.done == acts[health, known]
        return
    with pytest.raises(ToolchainError) as refused:
        lifecycle._mend_cluster(KIND)
    assert "'shop' made by this project is there, but the state in .blueprint/ does not know it" in refused.value.value
    assert refused.value.remedy == "`make down` removes the cluster and its data; then `make up`"
    assert world.done == []


def test_a_cluster_that_lacks_nodes_is_refused(world: World) -> None:
    """kind cannot add one, and a node's volumes went with it: whether the data may go is the user's to say."""
    world.health, world.resources = Health.LACKS_NODES, list(RESOURCES)
    with pytest.raises(ToolchainError) as refused:
        lifecycle.up()
    assert refused.value.value == "the cluster 'shop' lacks nodes that it was made with"
    assert refused.value.rule == "kind cannot add a node, and what was stored on it is gone with it"
    assert refused.value.remedy == "`make down` removes the cluster and its data; then `make up`"
    assert world.done[-1] == "mend local"


@pytest.mark.parametrize("health", [Health.STOPPED, Health.MOVED, Health.SILENT])
def test_a_cluster_that_lacks_nodes_is_refused_once_it_is_started(world: World, health: Health) -> None:
    """How many nodes it was made with is known only to a control plane that runs."""
    world.health, world.started, world.resources = health, Health.LACKS_NODES, list(RESOURCES)
    with pytest.raises(ToolchainError) as refused:
        lifecycle.up()
    assert refused.value.value == "the cluster 'shop' lacks nodes that it was made with"
    assert refused.value.remedy == "`make down` removes the cluster and its data; then `make up`"
    assert world.done[-2:] == ["mend local", START]


def test_up_goes_on_with_a_cluster_that_is_healthy_once_it_is_started(world: World) -> None:
    world.health, world.resources = Health.STOPPED, list(RESOURCES)
    lifecycle.up()
    assert world.done[-5:] == [
        START,
        "print lanes stand-in",
        UP,
        f"wait for {GATEWAY}",
        "print urls",
    ]


def test_a_cluster_that_ran_all_the_time_is_not_waited_for(world: World) -> None:
    """Whether the shop on it serves is what its user made of it."""
    world.health, world.resources = Health.HEALTHY, list(RESOURCES)
    lifecycle.up()
    assert world.done[-2:] == [UP, "print urls"]


@pytest.fixture
def shop() -> Iterator[tuple[str, list[int]]]:
    """A gateway on loopback, and the statuses that it answers with, one by one; the last one stays."""
    statuses = [200]

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/api/products"
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Gateway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", statuses
        server.shutdown()


def test_a_restarted_shop_is_waited_for_until_it_serves(
    shop: tuple[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, statuses = shop
    statuses[:] = [503, 404, 200]
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    lifecycle._wait_for_the_shop(gateway)
    assert statuses == [200]


def test_a_restarted_shop_that_does_not_serve_in_time_is_told_with_its_last_answer(
    shop: tuple[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, statuses = shop
    statuses[:] = [503]
    monkeypatch.setattr(lifecycle, "SERVING_SECONDS", 0)
    with pytest.raises(ToolchainError) as refused:
        lifecycle._wait_for_the_shop(gateway)
    assert refused.value.value == f"{gateway}/api/products: 503"
    assert "make status" in refused.value.remedy


def test_a_restarted_shop_that_is_not_reached_in_time_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setattr(lifecycle, "SERVING_SECONDS", 0)
        with pytest.raises(ToolchainError, match="ConnectError"):
            lifecycle._wait_for_the_shop(f"http://127.0.0.1:{held.getsockname()[1]}")


@pytest.mark.parametrize("command", [lifecycle.up, lifecycle.preview, lifecycle.down])
def test_a_cluster_whose_state_cannot_be_told_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, command: Callable[[], None]
) -> None:
    """A question that failed says nothing of the cluster, so nothing may be deleted."""

    def unanswered(_name: str) -> Health:
        raise ToolchainError("`docker exec shop-control-plane` failed", "it ends with exit code 0", "look")

    monkeypatch.setattr(kind, "health", unanswered)
    world.resources = list(RESOURCES)
    with pytest.raises(ToolchainError, match="docker exec"):
        command()
    assert not [act for act in world.done if act.startswith(("delete", "forget", "remove", "operate", "start"))]


def test_up_makes_a_cluster_anew_whose_state_outlived_it(world: World) -> None:
    world.resources = list(RESOURCES)
    lifecycle.up()
    assert world.done.index("forget local") < world.done.index(UP)


def test_another_cluster_than_the_state_s_is_refused(world: World) -> None:
    """Else Pulumi would replace the cluster, and its data would be gone."""
    world.health, world.resources = Health.HEALTHY, list(RESOURCES)
    other = Settings(cluster="other")
    with pytest.raises(ToolchainError) as refused:
        lifecycle._mend_cluster(other)
    assert "has the cluster 'shop', not 'other'" in refused.value.value
    assert "BLUEPRINT_CLUSTER=shop make down" in refused.value.remedy


@pytest.mark.parametrize(
    ("health", "acts"),
    [
        (Health.ABSENT, PORTS),
        (Health.HALF_MADE, ["delete shop", *PORTS]),
        (Health.LACKS_NODES, []),
        (Health.STOPPED, []),
        (Health.MOVED, []),
        (Health.SILENT, []),
        (Health.HEALTHY, []),
    ],
)
def test_ports_are_looked_at_where_a_cluster_will_be_made(world: World, health: Health, acts: list[str]) -> None:
    """A running cluster holds its ports itself; a registry that was left over is removed before its port is asked."""
    world.health = health
    lifecycle._make_room(KIND)
    assert world.done == acts


@pytest.mark.parametrize("check", ["check port 9080", "remove registry shop", "check port 5005"])
def test_a_taken_port_or_name_stops_up_before_anything_is_built(world: World, check: str) -> None:
    world.refuses = check
    with pytest.raises(ToolchainError, match=check):
        lifecycle.up()
    assert "images" not in world.done
    assert not [act for act in world.done if act.startswith("operate")]


@pytest.mark.parametrize("command", [lifecycle.up, lifecycle.preview])
def test_somebody_else_s_cluster_is_refused_before_anything_is_built(world: World, command: Callable[[], None]) -> None:
    world.health = Health.FOREIGN
    with pytest.raises(ToolchainError, match="'shop' is there that this project did not make"):
        command()
    assert world.done == ["check memory", "check disk", "engine"]


@pytest.mark.parametrize("health", [state for state in Health if state is not Health.FOREIGN])
def test_preview_changes_nothing_in_whichever_state_the_cluster_is(world: World, health: Health) -> None:
    """It "changes nothing but the caches": what is half made or left over is the next `up`'s to remove."""
    world.health, world.resources = health, list(RESOURCES)
    lifecycle.preview()
    assert world.done == [
        "check memory",
        "check disk",
        "engine",
        *(f"program {name}" for name in lifecycle.PROGRAMS),
        "images",
        "select local",
        PREVIEW,
    ]


@pytest.mark.parametrize("health", [health for health in Health if health is not Health.FOREIGN])
@pytest.mark.parametrize("resources", [RESOURCES, []])
def test_down_removes_the_cluster_and_then_what_the_state_knows_of_it(
    world: World, health: Health, resources: list[dict[str, str]]
) -> None:
    """All that the state knows lives in the cluster, so it is forgotten instead of asked for one by one."""
    world.health, world.resources = health, list(resources)
    lifecycle.down()
    assert world.done == ["engine", "program pulumi", "select local", "mend local", "delete shop", "forget local"]


def test_down_twice_is_fine(world: World) -> None:
    world.health, world.resources = Health.HEALTHY, list(RESOURCES)
    lifecycle.down()
    world.done.clear()
    lifecycle.down()
    assert world.done[-2:] == ["delete shop", "forget local"]


def test_down_of_an_existing_cluster_leaves_the_cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "settings", lambda: EXISTING)
    monkeypatch.setattr(kind, "health", lambda _name: pytest.fail("kind is not asked"))
    world.resources = [{"type": "kubernetes:core/v1:Namespace", "urn": "urn::shop"}]
    lifecycle.down()
    assert world.done[-1] == "operate destroy local --yes --skip-preview"


def test_a_removal_that_failed_is_known_to_the_state(world: World) -> None:
    """So that `down` again goes on, and `up` does not take what is left for a cluster of somebody else."""
    world.health, world.resources, world.refuses = Health.HEALTHY, list(RESOURCES), "delete"
    with pytest.raises(ToolchainError):
        lifecycle.down()
    assert "forget local" not in world.done


def test_a_second_run_is_refused_while_the_first_lasts(world: World) -> None:
    with lifecycle._alone(), pytest.raises(ToolchainError) as refused:
        lifecycle.up()
    assert refused.value.value == "another `make` works on this checkout"
    assert refused.value.remedy == "wait until it ends, then run again"
    assert world.done == []


def test_the_next_run_may_start_when_one_ended_however_it_ended(world: World) -> None:
    world.refuses = "operate"
    with pytest.raises(ToolchainError):
        lifecycle.up()
    world.refuses = ""
    lifecycle.up()
    assert world.done[-1] == "print urls"


HOLDS = """\
import sys, time
from pathlib import Path
from toolchain import lifecycle, paths
paths.ROOT = Path(sys.argv[1])
with lifecycle._alone():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_that_was_killed_holds_nothing(world: World, tmp_path: Path) -> None:
    """The lock is the kernel's: it goes with its process."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ToolchainError, match="another `make` works on this checkout"):
            lifecycle.down()
        holder.kill()
    lifecycle.down()
    assert world.done[0] == "engine"


def test_the_cluster_s_name_is_read_from_the_state(world: World) -> None:
    world.resources = list(RESOURCES)
    assert lifecycle._cluster_in_state() == "shop"
    world.resources = RESOURCES[:1]
    assert lifecycle._cluster_in_state() is None


def test_clean_drops_the_cache_and_nothing_else(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    (paths.cache() / "programs").mkdir()
    other = tmp_path / "caches" / "other"
    other.mkdir()
    lifecycle.clean()
    assert list((tmp_path / "caches").iterdir()) == [other]
    assert world.done == []
