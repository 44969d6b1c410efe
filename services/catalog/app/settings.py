"""What the catalog reads from its environment."""

from pathlib import Path

from pydantic import Field

from blueprint_kit.settings import ServiceSettings


class CatalogSettings(ServiceSettings):
    """The catalog's own settings, beside those of every service."""

    service_name: str = "catalog"

    postgres_host: str = Field(min_length=1, description="the host of the PostgreSQL server")
    postgres_port: int = Field(5432, ge=1, le=65535, description="its port")
    postgres_database: str = Field("catalog", min_length=1, description="the database of this service")
    postgres_user: str = Field("catalog", min_length=1, description="the login of this service")
    postgres_password_file: Path = Field(description="the file that holds the login's password")
    postgres_connections: int = Field(5, ge=1, le=100, description="how many connections one process may hold")
    postgres_seconds: float = Field(3, gt=0, le=60, description="how long a connection or a statement may take")

    migrate_seconds: float = Field(
        120, gt=0, le=3600, description="how long the migration may wait for the server and for other migrations"
    )
