"""What the catalog reads from its environment."""

from pathlib import Path

from pydantic import Field

from blueprint_kit.postgres import PostgresSettings


class CatalogSettings(PostgresSettings):
    """The catalog's settings: those of every service with a database, and those of its cache."""

    service_name: str = "catalog"

    valkey_host: str = Field("", description="the host of the Valkey server; empty for no cache")
    valkey_port: int = Field(6379, ge=1, le=65535, description="its port")
    valkey_user: str = Field("catalog", min_length=1, description="the user of this service there")
    valkey_password_file: Path = Field(
        Path("/run/secrets/valkey/password"), description="the file that holds the user's password"
    )
    valkey_seconds: float = Field(
        0.1, gt=0, le=5, description="how long the cache may take to answer before the database is asked instead"
    )
    cache_seconds: float = Field(60, ge=1, le=3600, description="how long an answer may be kept in the cache")
