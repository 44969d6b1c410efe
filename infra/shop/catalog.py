"""The catalog: products from PostgreSQL through a cache, as many pods as its load needs."""

from typing import Any

from infra.shop.service import SCALED


def catalog_values() -> dict[str, Any]:
    """The migration that runs before each release, and the pods' number and size."""
    return {"migration": {"enabled": True}, **SCALED}
