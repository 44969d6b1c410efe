"""Up again, and going, in the order in which they stand: `make test` runs this file last, on the cluster of the run."""

import ipaddress
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster.kube import eventually
from tests.cluster.nodes import docker
from toolchain import kind, lifecycle, paths, registry, report, stack
from toolchain.kind import Health

UP_SECONDS = 900
REFUSAL_SECONDS = 180
SERVING_SECONDS = 30
BLUEPRINT = paths.ROOT / ".venv" / "bin" / "blueprint"
STRANGER = "blueprint-stranger"


def _blueprint(command: str, seconds: float = UP_SECONDS, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the toolchain; the environment's names are added to this process's own."""
    return subprocess.run(
        [BLUEPRINT, command],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env=os.environ | environment,
    )


def _succeeds(command: str, seconds: float = UP_SECONDS) -> str:
    done = _blueprint(command, seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _refuses(command: str, **environment: str) -> str:
    """What a command that must not go on says."""
    done = _blueprint(command, REFUSAL_SECONDS, **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "remedy:" in done.stderr
    return " ".join(done.stderr.split())


def _containers(*options: str) -> list[str]:
    """The ids of the cluster's containers, its registry included."""
    return docker("ps", "--quiet", "--filter", f"network={lifecycle.settings().cluster}", *options).split()


def _addresses() -> dict[str, str]:
    """The nodes' addresses in the cluster's network, by name."""
    name = lifecycle.settings().cluster
    form = f'{{{{slice .Name 1}}}} {{{{(index .NetworkSettings.Networks "{name}").IPAddress}}}}'
    nodes = docker("ps", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={name}").split()
    return dict(line.split() for line in docker("inspect", "--format", form, *nodes).splitlines())


def _products_are_served() -> None:
    """Soon: `up` itself waits until they are."""
    url = stack.outputs(lifecycle.stack_name())["urls"]["gateway"]

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/api/products", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def diagnose() -> str:
        return report.kubectl(lifecycle.settings().cluster, "get", "nodes,pods", "--all-namespaces", "--output", "wide")

    eventually("products are served", answers, seconds=SERVING_SECONDS, diagnose=diagnose)


@pytest.mark.concept("A11")
def test_a_second_up_changes_nothing() -> None:
    """`up` again: Pulumi reports every resource unchanged."""
    started = time.monotonic()
    printed = _succeeds("up")
    print(f"second up: {time.monotonic() - started:.1f} s")
    summary = printed[printed.index("Resources:") :]
    assert "unchanged" in summary, printed
    assert not any(word in summary for word in ("created", "updated", "replaced", "deleted")), printed


def test_preview_status_and_urls_answer() -> None:
    """`preview` finds nothing to do, `status` shows nodes, capabilities and lanes, `urls` the ways in."""
    assert "unchanged" in _succeeds("preview")
    status = _blueprint("status").stderr
    assert all(word in status for word in ("Ready", "catalog", "l7_policy", "source")), status
    assert "/api" not in _blueprint("urls").stderr
    assert "http://127.0.0.1:" in _blueprint("urls").stderr


@pytest.fixture
def stranger() -> Iterator[str]:
    """A kind cluster's node, by its label, that this project did not make; it is never started."""
    image = docker("images", "--quiet", "blueprint/node").split()[0]
    docker("create", "--name", f"{STRANGER}-control-plane", "--label", f"io.x-k8s.kind.cluster={STRANGER}", image)
    yield STRANGER
    docker("rm", "--force", f"{STRANGER}-control-plane")


def test_a_cluster_that_is_not_ours_is_not_touched(stranger: str) -> None:
    """`up` and `down` under the name of somebody else's cluster refuse, and leave it alone."""
    for command in ("up", "down"):
        assert "that this project did not make" in _refuses(command, BLUEPRINT_CLUSTER=stranger)
    assert f"{stranger}-control-plane" in docker("ps", "--all", "--format", "{{.Names}}")


def test_a_taken_port_is_named_before_anything_is_made() -> None:
    """The gateway's port is taken: `up` says which, and how to choose another; no container is made."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = _refuses("up", BLUEPRINT_CLUSTER="blueprint-elsewhere", BLUEPRINT_GATEWAY_PORT=str(port))
    assert f"port {port} of 127.0.0.1 is taken" in said
    assert "BLUEPRINT_GATEWAY_PORT=<port> make up" in said
    assert not docker("ps", "--all", "--quiet", "--filter", "name=blueprint-elsewhere").strip()


def test_another_name_does_not_replace_the_cluster() -> None:
    """The stack has a cluster: `up` and `down` under another name refuse, and say how to go on."""
    elsewhere = {"BLUEPRINT_CLUSTER": "blueprint-elsewhere", "BLUEPRINT_GATEWAY_PORT": "28080"}
    for command in ("up", "down"):
        assert "a stack has one cluster" in _refuses(command, **elsewhere, BLUEPRINT_REGISTRY_PORT="25001")
    _products_are_served()


def test_a_cluster_without_its_state_is_not_overwritten(tmp_path: Path) -> None:
    """The state is empty (another backend), the cluster is there: `up` refuses, since data may be on it."""
    said = _refuses("up", PULUMI_BACKEND_URL=f"file://{tmp_path}")
    assert "the state in .blueprint/ does not know it" in said
    assert "`make down` removes the cluster" in said
    _products_are_served()


@pytest.mark.removes_cluster
@pytest.mark.concept("B4")
def test_stopped_nodes_are_started_again_at_their_addresses() -> None:
    """Stopped, as by a reboot at which Docker starts some in its own order: `up` mends it, products are served."""
    name, before = lifecycle.settings().cluster, _addresses()
    docker("stop", "--time", "5", *_containers())
    assert kind.health(name) is Health.STOPPED
    reverse = sorted(before, key=lambda node: ipaddress.ip_address(before[node]), reverse=True)
    docker("start", registry.name(name), *reverse)
    assert kind.health(name) is Health.MOVED
    docker("stop", "--time", "5", f"{name}-worker")
    assert kind.health(name) is Health.STOPPED
    _succeeds("up")
    _products_are_served()
    assert _addresses() == before


@pytest.mark.removes_cluster
def test_down_leaves_nothing_behind() -> None:
    """`down` removes every container, network, volume and firewall rule of the cluster, and empties the state."""
    name = lifecycle.settings().cluster
    _succeeds("down")
    assert not docker("ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={name}").strip()
    for listing in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
        left = docker(*listing, "--quiet", "--filter", f"name={name}")
        assert not left.strip(), f"docker {' '.join(listing)}: {left}"
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, timeout=30, check=True).stdout
    assert f"blueprint-egress-guard:{name}" not in rules
    assert stack.resources(lifecycle.stack_name()) == []
    _succeeds("down")
