"""The same cluster, gateway and clients as the live tests have."""

from tests.cluster.conftest import cluster, kube, outputs, shop

__all__ = ["cluster", "kube", "outputs", "shop"]
