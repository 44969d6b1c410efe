"""The toolchain's tests run apart from their caller's settings and signals."""

from tests.isolation import interruptible, own_settings

__all__ = ["interruptible", "own_settings"]
