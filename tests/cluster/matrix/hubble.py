"""The network's own record of what it dropped: Hubble's flows, which each node's agent exports to a file."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.cluster.kube import Kube

FOLDER = "/var/run/cilium/hubble"
FILE = f"{FOLDER}/events.log"
"""The default of the chart's value `hubble.export.static.filePath`. An agent makes it when it first drops a packet."""
SETTING = "/tmp/cilium/config-map/hubble-export-file-path"  # noqa: S108 - in the agent
"""Where an agent is told to write it."""
POLICY_REASONS = frozenset({"POLICY_DENIED", "POLICY_DENY"})
"""Nothing allowed it, or something denied it."""
AGENT = ("--namespace", "kube-system", "--container", "cilium-agent")
SETTLE_SECONDS = 5
End = tuple[str, int]
"""An address and a port."""


@dataclass(frozen=True)
class Drop:
    """One dropped packet."""

    source: End
    destination: End
    protocol: str
    reason: str
    direction: str

    def __str__(self) -> str:
        address, port = self.destination
        return f"DROPPED {self.reason} at {self.direction} to {address}:{port}/{self.protocol}"


@dataclass(frozen=True)
class Knock:
    """One knock of one pod.

    Attributes:
        source: what was knocked from; no other knock has the same one at the same time.
        protocol: TCP or UDP.
        ports: where the packet may have been going, before and after a Service's address was translated.
    """

    source: End
    protocol: str
    ports: frozenset[int]


def parse(lines: Iterable[str]) -> list[Drop]:
    """The dropped TCP and UDP packets of exported flows (a JSON object a line).

    Source: https://docs.cilium.io/en/stable/observability/hubble/configuration/export/
    """
    flows = [json.loads(line).get("flow", {}) for line in lines if line.startswith("{") and line.endswith("}")]
    return [drop for flow in flows if flow.get("verdict") == "DROPPED" for drop in _drops(flow)]


def _drops(flow: Mapping[str, Any]) -> list[Drop]:
    addresses = flow.get("IP", {})
    return [
        Drop(
            source=(addresses["source"], int(ports["source_port"])),
            destination=(addresses["destination"], int(ports["destination_port"])),
            protocol=protocol,
            reason=str(flow.get("drop_reason_desc")),
            direction=str(flow.get("traffic_direction")),
        )
        for protocol, ports in flow.get("l4", {}).items()
        if protocol in ("TCP", "UDP") and "source" in addresses
    ]


@dataclass(frozen=True)
class Place:
    """How far an agent's file was read: the file's inode (0: there is none yet), and the bytes before the place."""

    file: int
    after: int


class DropLog:
    """What is dropped on all nodes from the moment that this was made."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        agents = kube.items("pods", "--namespace", "kube-system", "--selector", "k8s-app=cilium")
        assert agents, "no agent of Cilium runs in kube-system"
        self._known: dict[tuple[End, str], list[Drop]] = {}
        self._read = {agent["metadata"]["name"]: _NOTHING for agent in agents}
        for agent in self._read:
            self._read[agent], _ = self._after(agent, _NOTHING)

    def of(self, knock: Knock) -> Drop | None:
        """The drop of a knock, as far as was read. The pod behind a Service may be newer than what is known of it."""
        dropped = self._known.get((knock.source, knock.protocol), ())
        return next((drop for drop in dropped if drop.destination[1] in knock.ports), None)

    def wait_for(self, knocks: Iterable[Knock], seconds: float = SETTLE_SECONDS) -> None:
        """Reads on until each of the knocks was dropped, or the time is over: an agent exports a moment later."""
        wanted, deadline = list(knocks), time.monotonic() + seconds
        while True:
            for agent in self._read:
                self._read_on(agent)
            if all(self.of(knock) for knock in wanted) or time.monotonic() > deadline:
                return
            time.sleep(0.5)

    def _read_on(self, agent: str) -> None:
        """Reads what came to the file that it was at, and of a newer one all."""
        at = self._read[agent]
        newest, text = self._after(agent, at)
        whole = text[: text.rfind("\n") + 1]
        self._read[agent] = Place(at.file, at.after + len(whole.encode()))
        for drop in parse(whole.splitlines()):
            self._known.setdefault((drop.source, drop.protocol), []).append(drop)
        if newest.file != at.file:
            self._read[agent] = Place(newest.file, 0)
            self._read_on(agent)

    def _after(self, agent: str, at: Place) -> tuple[Place, str]:
        """The end of an agent's file, and what a file of it holds after a place. A full file gets another name."""
        script = (
            f"set -e; test -s {SETTING}; stat --format='%i %s' {FILE} 2>/dev/null || echo '0 0';"
            f' if [ {at.file} != 0 ]; then found=$(find {FOLDER} -inum {at.file}); test -n "$found";'
            f" tail --bytes=+{at.after + 1} $found; fi"
        )
        done = self._kube.attempt("exec", agent, *AGENT, "--", "sh", "-c", script)
        remedy = "see hubble.export.static in infra/foundation/network.py: where to, and how much is kept"
        assert done.returncode == 0, f"{agent} exports no flows to {FILE}, or too many; {remedy}: {done.stderr}"
        end, _, text = done.stdout.partition("\n")
        file, size = map(int, end.split())
        return Place(file, size), text


_NOTHING = Place(0, 0)
