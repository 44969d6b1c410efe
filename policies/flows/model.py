"""What a flow is, and who can be at its ends. Which flows there are stands in `flows.py`."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

NAME_LABEL = "app.kubernetes.io/name"
COMPONENT_LABEL = "app.kubernetes.io/component"


class FlowError(ValueError):
    """A declaration that cannot be meant so."""


@dataclass(frozen=True)
class Identity:
    """Pods that have the same rights on the network.

    Attributes:
        namespace: where they run.
        name: their label `app.kubernetes.io/name`.
        component: their label `app.kubernetes.io/component`, for pods that share a name with others but not their
            rights, such as a service's migration. None is everybody of that name whom no other identity names.
    """

    namespace: str
    name: str
    component: str | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.policy_name}"

    @property
    def policy_name(self) -> str:
        """The name of the policies that select these pods."""
        return "-".join(filter(None, [self.name, self.component]))

    @property
    def labels(self) -> dict[str, str]:
        """The labels that make a pod one of these."""
        return {NAME_LABEL: self.name} | ({COMPONENT_LABEL: self.component} if self.component else {})


class Peer(StrEnum):
    """An end of a flow that is no pod of ours. Most are what Cilium calls entities."""

    HOST = "host"
    """The node that the pod itself is on: its kubelet, which probes, and all else that runs on the node."""
    REMOTE_NODE = "remote-node"
    """Any other node of the cluster."""
    API_SERVER = "kube-apiserver"
    """The API server by any of its addresses."""
    WORLD = "world"
    """Whatever is outside the cluster."""
    DNS = "dns"
    """The cluster's name servers, which are pods of `kube-system`."""
    METADATA = "metadata"
    """169.254.169.254, where clouds give every asker the node's own credentials. No flow may lead there."""


End = Identity | Peer


class Protocol(StrEnum):
    """The transport protocol, as the policies name it."""

    TCP = "TCP"
    UDP = "UDP"


@dataclass(frozen=True)
class Flow:
    """One permission: the source may open connections to the port of the destination; answers go with it.

    Attributes:
        source: who asks.
        destination: who is asked.
        port: of the destination's pod or process, not of a Service in front of it: a Service's address is translated
            before any policy looks.
        why: what it is needed for.
        protocol: TCP unless said otherwise.
    """

    source: End
    destination: End
    port: int
    why: str
    protocol: Protocol = Protocol.TCP

    def __str__(self) -> str:
        return f"{self.source} → {self.destination}:{self.port}/{self.protocol}"

    @property
    def permission(self) -> tuple[End, End, int, Protocol]:
        """What is permitted, whatever the reason."""
        return self.source, self.destination, self.port, self.protocol


def checked(flows: Iterable[Flow], identities: Iterable[Identity]) -> tuple[Flow, ...]:
    """The flows, if each is between known ends, is declared once, and can be granted.

    Raises:
        FlowError: a flow breaks one of these rules; the message names the flow, the rule and what to do.
    """
    found, known = tuple(flows), frozenset(identities)
    seen: set[tuple[End, End, int, Protocol]] = set()
    for flow in found:
        for end in (flow.source, flow.destination):
            if isinstance(end, Identity) and end not in known:
                raise FlowError(f"{flow}: {end} is no identity; name it in IDENTITIES of policies/flows/identities.py")
        if not any(isinstance(end, Identity) for end in (flow.source, flow.destination)):
            raise FlowError(f"{flow}: neither end is a pod of ours, so no policy of ours could permit it; remove it")
        if flow.source is Peer.DNS or Peer.METADATA in (flow.source, flow.destination):
            raise FlowError(
                f"{flow}: name servers open no connections to us, and nobody may ask for metadata; remove it"
            )
        if not 0 < flow.port < 65536:
            raise FlowError(f"{flow}: a port is between 1 and 65535")
        if not flow.why:
            raise FlowError(f"{flow}: nobody says why; say what it is needed for")
        if flow.permission in seen:
            raise FlowError(f"{flow}: declared twice; keep one and let its `why` name both reasons")
        seen.add(flow.permission)
    return found
