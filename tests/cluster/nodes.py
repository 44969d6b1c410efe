"""What the tests do to nodes and containers from below Kubernetes: as the machine's operator, or as a failure."""

import subprocess
from typing import Any

DOCKER_SECONDS = 60


def docker(*arguments: str) -> str:
    """What docker prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=DOCKER_SECONDS, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def kill_container(pod: dict[str, Any], index: int = 0) -> None:
    """SIGKILL to a container's first process, as the kernel's out-of-memory killer does it."""
    status = pod["status"]["containerStatuses"][index]
    identity = status["containerID"].removeprefix("containerd://")
    node = pod["spec"]["nodeName"]
    docker("exec", node, "ctr", "--namespace", "k8s.io", "task", "kill", "--signal", "SIGKILL", identity)


def stop_node(node: str) -> None:
    """Stops a node at once, as a power cut does."""
    docker("kill", node)


def start_node(node: str) -> None:
    """Starts a stopped node."""
    docker("start", node)
