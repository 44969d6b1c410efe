"""What the tests of the database share: its server, and a small service's settings and migrations."""

from pathlib import Path
from typing import Any

from blueprint_testing import LOCAL
from blueprint_testing.postgres import Postgres

from blueprint_kit.postgres import PostgresSettings
from blueprint_kit.settings import load_settings

MIGRATIONS = Path(__file__).parent / "migrations"


async def new_settings(server: Postgres, secrets: Path, **given: Any) -> PostgresSettings:
    """The settings of a service whose database is new and empty."""
    database = server.settings(await server.new_database("sample"), secrets)
    return load_settings(PostgresSettings, service_name="sample", **LOCAL, **database, **given)
