"""What the inventory reads from its environment."""

from pydantic import Field

from blueprint_kit.postgres import PostgresSettings


class InventorySettings(PostgresSettings):
    """The inventory's settings: those of every service with a database."""

    service_name: str = "inventory"
    postgres_connections: int = Field(
        10, ge=1, le=100, description="how many connections one process may hold; each change of stock takes one"
    )
