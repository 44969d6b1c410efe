"""Coming and going, in the order in which they stand: `make test` runs this file last, on the cluster of the run."""

import subprocess
import time

import httpx

from toolchain import kind, lifecycle, paths, stack
from toolchain.kind import Health

UP_SECONDS = 900
SECOND_UP_SECONDS = 60
BLUEPRINT = paths.ROOT / ".venv" / "bin" / "blueprint"


def _blueprint(command: str, seconds: float = UP_SECONDS) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BLUEPRINT, command], capture_output=True, text=True, timeout=seconds, check=False)


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_second_up_changes_nothing() -> None:
    """`up` again: Pulumi reports every resource unchanged."""
    started = time.monotonic()
    done = _blueprint("up", SECOND_UP_SECONDS)
    print(f"second up: {time.monotonic() - started:.1f} s")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout[done.stdout.index("Resources:") :]
    assert "unchanged" in summary, done.stdout
    assert not any(word in summary for word in ("created", "updated", "replaced", "deleted")), done.stdout


def test_stopped_nodes_are_started_again() -> None:
    """All containers are stopped, as by a reboot: `up` mends the cluster, and products are served again."""
    name = lifecycle.settings().cluster
    running = _docker("ps", "--quiet", "--filter", f"network={name}").split()
    _docker("stop", "--time", "5", *running)
    assert kind.health(name) is Health.STOPPED
    done = _blueprint("up")
    assert done.returncode == 0, done.stdout + done.stderr
    url = stack.outputs(lifecycle.stack_name())["urls"]["gateway"]
    deadline = time.monotonic() + 180
    while not _serves(url):
        assert time.monotonic() < deadline, "products are served within 180 s after the nodes were started"
        time.sleep(1)


def _serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/products", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_down_leaves_nothing_behind() -> None:
    """`down` removes every container, network, volume and firewall rule of the cluster, and empties the state."""
    name = lifecycle.settings().cluster
    done = _blueprint("down")
    assert done.returncode == 0, done.stdout + done.stderr
    for listing in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
        left = _docker(
            *listing, "--quiet", "--filter", f"{'label=io.x-k8s.kind.cluster' if listing[0] == 'ps' else 'name'}={name}"
        )
        assert not left.strip(), f"docker {' '.join(listing)}: {left}"
    assert not _docker("ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={name}").strip()
    assert name not in subprocess.run(["iptables-save"], capture_output=True, text=True, timeout=30, check=True).stdout
    assert stack.resources(lifecycle.stack_name()) == []
