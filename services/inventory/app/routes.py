"""The inventory's resources. Each change may be asked again, so each is repeatable when the database goes away."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from app import deliveries, reservations, stock
from app.schemas import (
    SKU_MOST,
    SKU_RULE,
    Delivery,
    NewDelivery,
    NewReservation,
    Reservation,
    Stock,
    StockPage,
)
from blueprint_kit.openapi import problem_responses
from blueprint_kit.postgres import Database
from blueprint_kit.problems import Problem

Result = TypeVar("Result")

MOST_PAGES = 1_000_000

CHANGES = Counter(
    "inventory_changes_total", "What was asked of the stock, each time, and how it ended.", ["change", "outcome"]
)

router = APIRouter(responses=problem_responses())


def database_of(request: Request) -> Database:
    """The database that the application opened."""
    return cast(Database, request.app.state.database)


DatabaseHere = Annotated[Database, Depends(database_of)]
SkuHere = Annotated[str, Path(pattern=SKU_RULE, max_length=SKU_MOST)]


@router.head("/inventory", include_in_schema=False)
@router.get("/inventory")
async def list_stock(
    database: DatabaseHere,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> StockPage:
    """A page of the stock, in the order of the SKUs. A page after the last is empty."""
    found = await database.read(lambda session: stock.find_page(session, page, size))
    return StockPage(items=[Stock.of(row) for row in found.rows], total=found.total, page=page, size=size)


@router.head("/inventory/{sku}", include_in_schema=False)
@router.get("/inventory/{sku}", responses=problem_responses(404))
async def get_stock(database: DatabaseHere, sku: SkuHere) -> Stock:
    """The stock of one product."""
    row = await database.read(lambda session: stock.find(session, sku))
    if row is None:
        raise Problem(404, f"there is no product {sku}", sku=sku)
    return Stock.of(row)


@router.head("/reservations/{order_id}", include_in_schema=False)
@router.get("/reservations/{order_id}", responses=problem_responses(404))
async def get_reservation(database: DatabaseHere, order_id: UUID) -> Reservation:
    """The reservation of an order."""
    return await database.read(lambda session: reservations.find(session, order_id))


@router.put("/reservations/{order_id}", responses=problem_responses(409))
async def put_reservation(database: DatabaseHere, order_id: UUID, body: NewReservation) -> Reservation:
    """Reserve all items of an order, or none. The same request finds the reservation that there is."""
    return await _change(database, "reserve", lambda session: reservations.reserve(session, order_id, body))


@router.post("/reservations/{order_id}/commit", responses=problem_responses(404, 409))
async def commit_reservation(database: DatabaseHere, order_id: UUID) -> Reservation:
    """Let what is reserved leave the stock, once."""
    return await _change(database, "commit", lambda session: reservations.commit(session, order_id))


@router.post("/reservations/{order_id}/release", responses=problem_responses(409))
async def release_reservation(database: DatabaseHere, order_id: UUID) -> Reservation:
    """Make what is reserved available again, once; the order cannot reserve any more, even if it had not yet."""
    return await _change(database, "release", lambda session: reservations.release(session, order_id))


@router.post("/deliveries", responses=problem_responses(409))
async def post_delivery(database: DatabaseHere, body: NewDelivery) -> Delivery:
    """Add to the stock, once per id."""
    return await _change(database, "deliver", lambda session: deliveries.receive(session, body))


async def _change(database: Database, name: str, change: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    try:
        result = await database.write(change, repeatable=True)
    except Problem as problem:
        CHANGES.labels(name, problem.kind).inc()
        raise
    CHANGES.labels(name, "ok").inc()
    return result
