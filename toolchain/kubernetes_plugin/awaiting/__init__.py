"""Waiting until an object is ready, one module for each family of kinds."""

from toolchain.kubernetes_plugin.awaiting.wait import Wait, await_gone, await_ready

__all__ = ["Wait", "await_gone", "await_ready"]
