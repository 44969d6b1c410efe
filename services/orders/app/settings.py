"""What the orders service reads from its environment."""

from typing import Any

from pydantic import Field

from blueprint_kit.messages import MessagesSettings
from blueprint_kit.postgres import PostgresSettings

ORIGIN_RULE = r"^http://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$"


def origin(service: str) -> Any:
    """The setting of another service's address in its namespace."""
    meaning = f"where {service} serves: http, a host, and a port if it is not 80"
    return Field(f"http://{service}.shop", pattern=ORIGIN_RULE, description=meaning)


class OrdersSettings(PostgresSettings, MessagesSettings):
    """The service's own settings, beside those of every service with a database and messages."""

    service_name: str = "orders"
    postgres_connections: int = Field(
        10, ge=2, le=100, description="how many connections one process may hold; the outbox takes one"
    )

    catalog_url: str = origin("catalog")
    inventory_url: str = origin("inventory")
    payments_url: str = origin("payments")
