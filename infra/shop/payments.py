"""The payments: stateless, and the one service whose health is asked by gRPC."""

from typing import Any


def payments_values() -> dict[str, Any]:
    """Two replicas, probed by gRPC; the chart tells the service the port."""
    return {"replicas": 2, "probes": {"protocol": "grpc", "grpcPort": 9000}}
