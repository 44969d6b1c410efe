"""What a scrape job is: how its targets are found, which of them count, which of their samples are kept, and limits.

Source: https://prometheus.io/docs/prometheus/2.53/configuration/configuration/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN, AUTHORITY = f"{ACCOUNT}/token", f"{ACCOUNT}/ca.crt"
"""Where a pod's own token and the certificate of the cluster's authority lie. Prometheus reads both at each use."""
API_SERVER_NAME = "kubernetes.default.svc"
"""In the API server's certificate on every node, whatever address the node has."""
TARGETS = "/etc/prometheus/targets"
"""The folder of files that list targets."""


class Action(StrEnum):
    """What a step does. All of a regular expression must match, from the first character to the last."""

    KEEP = "keep"
    DROP = "drop"
    REPLACE = "replace"
    FORGET = "labeldrop"


@dataclass(frozen=True)
class Step:
    """One step of relabelling, applied to a target before it is scraped, or to each sample after.

    Attributes:
        why: what it is for; stands above it in the rendered file.
        action: what is done.
        sources: labels whose values, joined by `;`, the expression is matched with.
        regex: the expression; empty is Prometheus' default, which matches all.
        target: the label that a replacement is written to.
        replacement: what is written; empty is the default, all of the first group.
    """

    why: str
    action: Action
    sources: tuple[str, ...] = ()
    regex: str = ""
    target: str = ""
    replacement: str = ""

    def rendered(self) -> dict[str, Any]:
        """As Prometheus' configuration has it, with the reason under `#`."""
        made = {
            "#": self.why,
            "action": str(self.action),
            "source_labels": list(self.sources),
            "regex": self.regex,
            "target_label": self.target,
            "replacement": self.replacement,
        }
        return {key: value for key, value in made.items() if value}


def keep(why: str, sources: tuple[str, ...], regex: str) -> Step:
    """Everything that does not match is left out."""
    return Step(why, Action.KEEP, sources, regex)


def drop(why: str, sources: tuple[str, ...], regex: str) -> Step:
    """Everything that matches is left out."""
    return Step(why, Action.DROP, sources, regex)


def put(why: str, target: str, *sources: str, regex: str = "", replacement: str = "") -> Step:
    """Writes a label from others, or a fixed text."""
    return Step(why, Action.REPLACE, sources, regex, target, replacement)


def forget(why: str, regex: str) -> Step:
    """Takes labels away by their names."""
    return Step(why, Action.FORGET, regex=regex)


@dataclass(frozen=True)
class Kubernetes:
    """Targets from the API server: `node` (one a node), `pod` (one a container port), `service` (one a Service's port,
    by its name), `endpointslice` (one an endpoint of a Service).

    Jobs of the same role share one watch, because their discovery is the same to the letter: what differs is done by
    steps. A namespace or a selector here would cost a watch of its own.
    """

    role: str

    def rendered(self) -> dict[str, Any]:
        """As Prometheus' configuration has it."""
        return {"kubernetes_sd_configs": [{"role": self.role}]}


@dataclass(frozen=True)
class Dns:
    """Targets from the addresses of a name: of a headless Service, its ready pods."""

    name: str
    port: int

    def rendered(self) -> dict[str, Any]:
        """As Prometheus' configuration has it."""
        found = {"names": [self.name], "type": "A", "port": self.port, "refresh_interval": "15s"}
        return {"dns_sd_configs": [found]}


@dataclass(frozen=True)
class Files:
    """Targets from a file, which Prometheus reads again when it changes."""

    file: str

    def rendered(self) -> dict[str, Any]:
        """As Prometheus' configuration has it."""
        return {"file_sd_configs": [{"files": [f"{TARGETS}/{self.file}"], "refresh_interval": "30s"}]}


class Needs(StrEnum):
    """What a cluster must be for a job to find anything there."""

    OWN_NODES = "own_nodes"
    """The control plane is ours, and told to show its metrics."""
    OWN_NETWORK = "own_network"
    """The network is Cilium, and Envoy stands before the shop."""


@dataclass(frozen=True)
class Limits:
    """How much a target may say. Beyond any of these the whole scrape counts as failed, and none of it is stored.

    Attributes:
        samples: after the steps for samples.
        megabytes: of the answer, uncompressed.
        seconds: until it is there.
    """

    samples: int = 2000
    megabytes: int = 4
    seconds: int = 10


@dataclass(frozen=True)
class Job:
    """One kind of targets.

    Attributes:
        name: the label `job` of its series.
        why: what it tells; stands above it in the rendered file.
        finds: how its targets are found.
        targets: steps that choose the targets and name them.
        samples: steps that choose the samples that are kept.
        path: what is asked for.
        parameters: of the request.
        tls: asks by HTTPS, with Prometheus' own token.
        verified: whether the certificate is looked at; `why` says why, where not.
        own_labels: the target's own `job`, `instance` and others win, because it speaks for others.
        limits: how much it may say.
        needs: what the cluster must be; None is any.
    """

    name: str
    why: str
    finds: Kubernetes | Dns | Files
    targets: tuple[Step, ...] = ()
    samples: tuple[Step, ...] = ()
    path: str = "/metrics"
    parameters: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False
    verified: bool = True
    own_labels: bool = False
    limits: Limits = Limits()
    needs: Needs | None = None
