"""Whether a connection is permitted. Pure: the matrix test asks this what each cell must be."""

from collections.abc import Iterable

from policies.flows.flows import FLOWS
from policies.flows.model import End, Flow, Identity, Peer, Protocol

OWN_NODE = "Kubernetes lets a node reach its own pods, whatever the policies say"


def allowed(
    source: End, destination: End, port: int, protocol: Protocol = Protocol.TCP, flows: Iterable[Flow] = FLOWS
) -> Flow | None:
    """The flow that permits the connection; None if it is denied.

    Args:
        source: who connects.
        destination: what it connects to, after a Service's address was translated.
        port: of the destination itself.
        protocol: the transport protocol.
        flows: what is permitted.

    A node reaches its own pods at every port, whatever is declared.
    Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/#networkpolicy-resource
    """
    wanted = (source, destination, port, protocol)
    declared = next((flow for flow in flows if flow.permission == wanted), None)
    if declared is None and source is Peer.HOST and isinstance(destination, Identity):
        return Flow(source, destination, port, OWN_NODE, protocol)
    return declared
