"""What the user is told about a running stack: the URLs, the lanes, the state of its parts."""

from collections.abc import Iterable
from typing import Any

from rich.table import Table

from toolchain import kind, programs
from toolchain.progress import console
from toolchain.shell import run

QUERY_SECONDS = 60


def print_urls(outputs: dict[str, Any]) -> None:
    """The table of URLs that `make up` ends with."""
    table = Table("what", "URL", title="Open these")
    for name, url in sorted(outputs.get("urls", {}).items()):
        table.add_row(name, url)
    console.print(table)


def print_lanes(names: Iterable[str], plugin: str, images: Iterable[str]) -> None:
    """Where everything that the stack needs is from: each lane, and what took it."""
    lanes: dict[str, list[str]] = {}
    for name in names:
        lanes.setdefault("PATH" if programs.on_path(name) else "source", []).append(name)
    lanes.setdefault("source", []).extend(f"image {name}" for name in images)
    lanes.setdefault(plugin, []).append("Pulumi's Kubernetes plugin")
    table = Table("lane", "what took it", title="Lanes")
    for lane, taken in lanes.items():
        table.add_row(lane, ", ".join(taken))
    console.print(table)


def print_status(cluster: str, outputs: dict[str, Any]) -> None:
    """Nodes, pods that are not ready, capabilities and lanes."""
    console.print(f"cluster {cluster}: {kind.health(cluster).value}")
    console.print(kubectl(cluster, "get", "nodes", "--output", "wide"), markup=False)
    console.print(kubectl(cluster, "get", "pods", "--all-namespaces"), markup=False)
    for title in ("capabilities", "lanes"):
        table = Table(title, "")
        for name, value in sorted(outputs.get(title, {}).items()):
            table.add_row(name, str(value))
        console.print(table)
    print_urls(outputs)


def kubectl(cluster: str, *arguments: str) -> str:
    """What kubectl prints, as the administrator of the cluster."""
    command = [str(programs.ensure("kubectl")), "--context", f"kind-{cluster}", "--request-timeout=20s", *arguments]
    return run(command, seconds=QUERY_SECONDS, remedy="`make up` mends a stopped cluster")
