"""What a cluster needs before anything of ours can run: network, storage, metrics, namespaces, policies."""

from infra.foundation.foundation import Foundation

__all__ = ["Foundation"]
