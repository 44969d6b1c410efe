"""The lab: one small exhibit for each concept that the shop has no honest use for. One module for each chapter."""

from infra.lab.lab import Lab

__all__ = ["Lab"]
