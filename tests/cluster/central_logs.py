"""Central logs as the live tests see them: asking the store, the agent of a node, and pods that write much."""

import re
import time
from dataclasses import dataclass
from typing import Any

from tests.cluster.kube import Kube, eventually, ready
from toolchain import logs, programs
from toolchain.logs import Line

AGENTS = ("--namespace", "node-agents", "--selector", "app.kubernetes.io/name=log-agent")
FOUND_SECONDS = 10
SECOND = 10**9
BEGIN = "/tmp/begin"  # noqa: S108 - the pod's own
"""The file that tells a writer to begin."""
BLOCK = 1000
"""How many numbered lines a writer writes at once, five times a second."""


@dataclass(frozen=True)
class CentralLogs:
    """The store, by a way that is opened for each question: the store's pod may be another by then."""

    kube: Kube

    def lines(self, query: str, minutes: int = 15) -> list[Line]:
        """What the query finds in the last minutes."""
        now = time.time_ns()
        kubectl = [str(programs.ensure("kubectl")), "--kubeconfig", self.kube.kubeconfig]
        with logs.forwarded(kubectl) as store:
            return store.lines(query, now - minutes * 60 * SECOND, now + SECOND)

    def found(self, query: str, what: str, seconds: float = FOUND_SECONDS) -> list[Line]:
        """What the query finds, once it finds something."""
        eventually(f"{what} is in the central logs", lambda: bool(self.lines(query)), seconds=seconds)
        return self.lines(query)


def written_by(namespace: str, text: str) -> str:
    """The query for the lines of a namespace that hold a word."""
    return f'{{namespace="{namespace}"}} "{text}"'


def numbered_command(mark: str, lines: int) -> list[str]:
    """Writes numbered lines of 150 characters or so, 5,000 a second: the kubelet rotates their file on the way."""
    block = (
        f'BEGIN {{ for (i = 0; i < {BLOCK}; i++) printf "number %07d of {mark} {"." * 100} end\\n", b * {BLOCK} + i }}'
    )
    loop = f"b=0; while [ $b -lt {lines // BLOCK} ]; do awk -v b=$b '{block}'; b=$((b + 1)); sleep 0.2; done"
    return ["sh", "-c", f"until [ -e {BEGIN} ]; do sleep 0.1; done; {loop}; exec sleep 3600"]


def numbers(lines: list[Line]) -> list[int]:
    """The numbers of such lines, in the order of time; a line that was torn apart has none."""
    matches = (re.fullmatch(r"number (\d{7}) of \S+ \.{100} end", line.text) for line in lines)
    return [int(found[1]) for found in matches if found]


def agent_of(kube: Kube, node: str) -> dict[str, Any] | None:
    """The agent's pod on the node, if it is ready."""
    found = [pod for pod in kube.items("pods", *AGENTS) if pod["spec"].get("nodeName") == node and ready(pod)]
    return found[0] if found else None


def agent_is_back(kube: Kube, node: str, before: dict[str, Any]) -> bool:
    """Whether the node has a ready agent that is another pod, or another container, than before."""
    now = agent_of(kube, node)
    return now is not None and _container(now) != _container(before)


def _container(pod: dict[str, Any]) -> str:
    return str(pod["status"]["containerStatuses"][0].get("containerID"))
