"""Whom Alertmanager pages: keeps each notification once, and shows what came."""
