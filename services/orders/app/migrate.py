"""Brings the database to this version's schema: `python -m app.migrate`, run by a Job before each release."""

from pathlib import Path

from app.settings import OrdersSettings
from blueprint_kit.migrations import main

MIGRATIONS = Path(__file__).parent / "migrations"

if __name__ == "__main__":
    main(OrdersSettings, MIGRATIONS)
