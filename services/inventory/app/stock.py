"""The stock in the database: found, locked, moved. Owns the order of locks.

Whoever changes stock locks all rows that it changes first, in the order of their SKUs, and after the row of the
reservation that it is about: so two of them wait for each other in one direction only, and never in a circle.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import StockRow
from app.refusals import UnknownProduct


@dataclass(frozen=True)
class Found:
    """Some of the rows, and how many there are in all."""

    rows: Sequence[StockRow]
    total: int


async def find_page(session: AsyncSession, page: int, size: int) -> Found:
    """The stock of a page of products, counted from 1, in the order of their SKUs."""
    total = await session.scalar(select(func.count()).select_from(StockRow))
    query = select(StockRow).order_by(StockRow.sku).offset((page - 1) * size).limit(size)
    return Found((await session.scalars(query)).all(), total or 0)


async def find(session: AsyncSession, sku: str) -> StockRow | None:
    """The stock of one product, if it has ever been in it."""
    return await session.get(StockRow, sku)


async def lock(session: AsyncSession, skus: Collection[str]) -> dict[str, StockRow]:
    """The stock of these products, which nobody else can change until the transaction ends. Raises UnknownProduct.

    The lock is the weaker one, FOR NO KEY UPDATE: rows of other tables that refer to a product do not wait for it.
    """
    query = select(StockRow).where(StockRow.sku.in_(skus)).order_by(StockRow.sku).with_for_update(key_share=True)
    rows = {row.sku: row for row in await session.scalars(query)}
    unknown = sorted(set(skus) - set(rows))
    if unknown:
        raise UnknownProduct(unknown)
    return rows
