"""The orders: each is a saga over the other services, kept in PostgreSQL and told to the others as events."""

from typing import Any

PARTNERS = {
    "CATALOG_URL": "http://catalog.shop",
    "INVENTORY_URL": "http://inventory.shop",
    "PAYMENTS_URL": "http://payments.shop",
}
"""The services that take part in an order, by the setting that says where each is."""


def orders_values() -> dict[str, Any]:
    """Two replicas, and the migration that runs before each release."""
    return {"replicas": 2, "env": dict(PARTNERS), "migration": {"enabled": True}}
