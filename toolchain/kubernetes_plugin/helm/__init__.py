"""Helm releases through the helm program."""

from toolchain.kubernetes_plugin.helm.release import Releases

__all__ = ["Releases"]
