"""What every service imports needs no extra: the gateway's image has neither SQLAlchemy nor the client of NATS."""

import subprocess
import sys

BASE = ("app", "client", "outbound", "reloading", "server", "events")
EXTRAS = ("alembic", "asyncpg", "grpc", "nats", "sqlalchemy")

PROGRAM = f"""
import importlib, sys
for name in {BASE!r}:
    importlib.import_module("blueprint_kit." + name)
print(*sorted({set(EXTRAS)!r} & set(sys.modules)))
"""


def test_base_modules_import_no_extra() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == []
