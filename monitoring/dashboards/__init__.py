"""Dashboards as code: what is drawn, why, and how each viewer is told. Start at dashboards.py."""
