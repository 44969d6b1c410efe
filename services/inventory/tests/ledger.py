"""The books of the stock, read beside the service: what must add up at any moment, whatever is asked meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from blueprint_testing.postgres import Postgres

from app.migrations.versions.m0002_first_stock import read_stock

FIRST = {str(row["sku"]): int(row["available"]) for row in read_stock()}

SET = "UPDATE stock SET available = $2 WHERE sku = $1"
BOOKS = """
    SELECT sku, available, stock.reserved, lines.reserved AS lines_reserved, lines.committed, coming.delivered
    FROM stock
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity) FILTER (WHERE status = 'reserved'), 0) AS reserved,
               coalesce(sum(quantity) FILTER (WHERE status = 'committed'), 0) AS committed
        FROM reservation_lines JOIN reservations USING (order_id) WHERE reservation_lines.sku = stock.sku
    ) AS lines
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity), 0) AS delivered FROM deliveries WHERE deliveries.sku = stock.sku
    ) AS coming
"""


@dataclass(frozen=True)
class Account:
    """The books of one product."""

    available: int
    reserved: int
    committed: int
    delivered: int


def accounts(rows: Sequence[asyncpg.Record], first: Mapping[str, int]) -> dict[str, Account]:
    """The books of all products. Asserts that they add up."""
    books = {}
    for row in rows:
        one = Account(row["available"], row["reserved"], row["committed"], row["delivered"])
        came, is_somewhere = first[row["sku"]] + one.delivered, one.available + one.reserved + one.committed
        assert came == is_somewhere, (row["sku"], came, one)
        assert one.reserved == row["lines_reserved"], (row["sku"], one)
        assert min(one.available, one.reserved) >= 0, (row["sku"], one)
        books[row["sku"]] = one
    return books


@dataclass(frozen=True)
class Ledger:
    """The books of one database. `first` is what was in stock when they were opened."""

    server: Postgres
    database: str
    first: dict[str, int]

    async def clear(self) -> None:
        """Begin anew: nothing reserved, nothing delivered, the first stock."""
        self.first.update(FIRST)
        async with self.server.administrator(self.database) as administrator:
            await administrator.execute("TRUNCATE reservation_lines, reservations, deliveries")
            await administrator.execute("UPDATE stock SET reserved = 0")
            await administrator.executemany(SET, list(FIRST.items()))

    async def open(self, given: dict[str, int]) -> None:
        """Begin with this much of these products."""
        self.first.update(given)
        async with self.server.administrator(self.database) as administrator:
            await administrator.executemany(SET, list(given.items()))

    async def balance(self) -> dict[str, Account]:
        """The books now, in one snapshot."""
        async with self.server.administrator(self.database) as administrator:
            return accounts(await administrator.fetch(BOOKS), self.first)

    async def statuses(self) -> dict[UUID, str]:
        """The reservations."""
        async with self.server.administrator(self.database) as administrator:
            rows = await administrator.fetch("SELECT order_id, status FROM reservations")
        return {UUID(str(row["order_id"])): row["status"] for row in rows}

    async def deadlocks(self) -> int:
        """How many there have been in this database."""
        async with self.server.administrator() as administrator:
            await administrator.execute("SELECT pg_stat_clear_snapshot()")
            query = "SELECT deadlocks FROM pg_stat_database WHERE datname = $1"
            return int(await administrator.fetchval(query, self.database))
