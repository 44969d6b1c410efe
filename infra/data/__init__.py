"""The stores. Each owns its server and its claim; the services own their schemas."""

from infra.data.data import Data
from infra.data.postgres import Login, Postgres

__all__ = ["Data", "Login", "Postgres"]
