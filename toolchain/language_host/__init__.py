"""Pulumi's language host for Python, for hosts where the released one cannot be downloaded."""

from toolchain.language_host.install import install

__all__ = ["install"]
