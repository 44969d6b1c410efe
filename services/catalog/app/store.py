"""What is asked of the database."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ProductRow
from app.schemas import ProductChange


@dataclass(frozen=True)
class Found:
    """Some of the rows, and how many there are in all."""

    rows: Sequence[ProductRow]
    total: int


async def find_products(session: AsyncSession, page: int, size: int) -> Found:
    """The products of a page, counted from 1, in the order of their SKUs."""
    total = await session.scalar(select(func.count()).select_from(ProductRow))
    query = select(ProductRow).order_by(ProductRow.sku).offset((page - 1) * size).limit(size)
    return Found((await session.scalars(query)).all(), total or 0)


async def find_product(session: AsyncSession, sku: str) -> ProductRow | None:
    """The product with this SKU, if there is one."""
    return await session.get(ProductRow, sku)


async def change_product(session: AsyncSession, sku: str, change: ProductChange) -> ProductRow | None:
    """Change what is given of a product; None if there is no such product."""
    statement = update(ProductRow).where(ProductRow.sku == sku).values(change.columns()).returning(ProductRow)
    found: ProductRow | None = await session.scalar(statement)
    return found
