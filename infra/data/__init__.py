"""The stores. Each owns its server, its users and its claim; the services own their schemas."""

from infra.data.data import Data
from infra.data.nats import Nats, NatsLogin
from infra.data.postgres import Login, Postgres
from infra.data.valkey import Valkey, ValkeyLogin

__all__ = ["Data", "Login", "Nats", "NatsLogin", "Postgres", "Valkey", "ValkeyLogin"]
