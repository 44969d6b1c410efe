"""The catalog's resources."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request

from app import store
from app.cache import Cache
from app.schemas import Product, ProductChange, ProductPage
from blueprint_kit.openapi import problem_responses
from blueprint_kit.postgres import Database
from blueprint_kit.problems import Problem

MOST_PAGES = 1_000_000
SKU_RULE = r"^[A-Z0-9]+(-[A-Z0-9]+)*$"  # as migration 0001 has it
SKU_MOST = 40

router = APIRouter(responses=problem_responses())


def database_of(request: Request) -> Database:
    """The database that the application opened."""
    return cast(Database, request.app.state.database)


def cache_of(request: Request) -> Cache:
    """The cache that the application opened."""
    return cast(Cache, request.app.state.cache)


DatabaseHere = Annotated[Database, Depends(database_of)]
CacheHere = Annotated[Cache, Depends(cache_of)]
Sku = Annotated[str, Path(pattern=SKU_RULE, max_length=SKU_MOST)]


@router.head("/products", include_in_schema=False)
@router.get("/products")
async def list_products(
    database: DatabaseHere,
    cache: CacheHere,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> ProductPage:
    """A page of the products, in the order of their SKUs. A page after the last is empty."""

    async def read() -> ProductPage:
        found = await database.read(lambda session: store.find_products(session, page, size))
        return ProductPage(items=[Product.of(row) for row in found.rows], total=found.total, page=page, size=size)

    return await cache.page(page, size, read)


@router.head("/products/{sku}", include_in_schema=False)
@router.get("/products/{sku}", responses=problem_responses(404))
async def get_product(database: DatabaseHere, cache: CacheHere, sku: Sku) -> Product:
    """One product."""

    async def read() -> Product | None:
        row = await database.read(lambda session: store.find_product(session, sku))
        return None if row is None else Product.of(row)

    return _there(await cache.product(sku, read), sku)


@router.patch("/products/{sku}", responses=problem_responses(404))
async def change_product(database: DatabaseHere, cache: CacheHere, sku: Sku, change: ProductChange) -> Product:
    """Change what is given of a product. Not for the outside: the gateway has no route to it."""
    row = await database.write(lambda session: store.change_product(session, sku, change), repeatable=True)
    await cache.invalidate(sku)
    return _there(None if row is None else Product.of(row), sku)


def _there(product: Product | None, sku: str) -> Product:
    if product is None:
        raise Problem(404, f"there is no product {sku}", sku=sku)
    return product
