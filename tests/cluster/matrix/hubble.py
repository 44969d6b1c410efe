"""The network's own record of what it dropped: Hubble's flows, which each node's agent exports to a file."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.cluster.kube import Kube

FILE = "/var/run/cilium/hubble/events.log"
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


class DropLog:
    """What is dropped on all nodes from the moment that this was made."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        agents = kube.items("pods", "--namespace", "kube-system", "--selector", "k8s-app=cilium")
        assert agents, "no agent of Cilium runs in kube-system"
        self._read = {agent["metadata"]["name"]: 0 for agent in agents}
        self._known: dict[tuple[End, str], list[Drop]] = {}
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
        size, text = self._after(agent, self._read[agent])
        if size < self._read[agent]:  # rotated
            self._read[agent] = 0
            _, text = self._after(agent, 0)
        whole = text[: text.rfind("\n") + 1]
        self._read[agent] += len(whole.encode())
        for drop in parse(whole.splitlines()):
            self._known.setdefault((drop.source, drop.protocol), []).append(drop)

    def _after(self, agent: str, start: int) -> tuple[int, str]:
        """The size of an agent's file, and its text after that many bytes."""
        there = f"stat --format=%s {FILE} && tail --bytes=+{start + 1} {FILE}"
        script = f"set -e; test -s {SETTING}; if test -e {FILE}; then {there}; else echo 0; fi"
        done = self._kube.attempt("exec", agent, *AGENT, "--", "sh", "-c", script)
        remedy = "set hubble.export.static in infra/foundation/network.py"
        assert done.returncode == 0, f"{agent} exports no flows to {FILE}; {remedy}: {done.stderr}"
        size, _, text = done.stdout.partition("\n")
        return int(size), text


_NOTHING = 1 << 60
"""More than any file is long."""
