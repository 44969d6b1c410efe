"""Edge routing: requests from outside, by host and by path, to the services in the namespace `edge`."""

from infra.edge.edge import EdgeRouting

__all__ = ["EdgeRouting"]
