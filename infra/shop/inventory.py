"""The inventory: what is in stock, and what is reserved for an order, in PostgreSQL."""

from typing import Any


def inventory_values() -> dict[str, Any]:
    """Two replicas, and the migration that runs before each release."""
    return {"replicas": 2, "migration": {"enabled": True}}
