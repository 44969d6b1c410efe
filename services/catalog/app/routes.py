"""The catalog's resources."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request

from app import store
from app.database import Database
from app.schemas import Product, ProductPage
from blueprint_kit.problems import Problem

MOST_PAGES = 1_000_000
SKU_RULE = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"  # as migration 0001 has it
SKU_MOST = 40

router = APIRouter()


def database_of(request: Request) -> Database:
    """The database that the application opened."""
    return cast(Database, request.app.state.database)


DatabaseHere = Annotated[Database, Depends(database_of)]
Sku = Annotated[str, Path(pattern=SKU_RULE, max_length=SKU_MOST)]


@router.api_route("/products", methods=["GET", "HEAD"])
async def list_products(
    database: DatabaseHere,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> ProductPage:
    """A page of the products, in the order of their SKUs. A page after the last is empty."""
    found = await database.read(lambda session: store.find_products(session, page, size))
    return ProductPage(items=[Product.of(row) for row in found.rows], total=found.total, page=page, size=size)


@router.api_route("/products/{sku}", methods=["GET", "HEAD"])
async def get_product(database: DatabaseHere, sku: Sku) -> Product:
    """One product."""
    row = await database.read(lambda session: store.find_product(session, sku))
    if row is None:
        raise Problem(404, f"there is no product {sku}", sku=sku)
    return Product.of(row)
