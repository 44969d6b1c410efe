"""The service's resources."""

from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app import orders
from app.idempotency import HEADER, KEY_PATTERN, key_of
from app.placing import Placing
from app.schemas import Accepted, NewOrder, Order, OrderPage
from blueprint_kit.openapi import problem_responses
from blueprint_kit.postgres import Database
from blueprint_kit.problems import Problem

MOST_PAGES = 1_000_000
REPLAYED = "Idempotency-Replayed"

router = APIRouter(responses=problem_responses())


@dataclass(frozen=True)
class Desk:
    """What the resources use."""

    database: Database
    placing: Placing


def desk_of(request: Request) -> Desk:
    """The desk that the application opened."""
    return cast(Desk, request.app.state.desk)


DeskHere = Annotated[Desk, Depends(desk_of)]
Key = Annotated[str, Depends(key_of)]
KEY_PARAMETER: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": True,
            "description": "made by the client for each order, and sent again when it repeats the request",
            "schema": {"type": "string", "pattern": KEY_PATTERN},
        }
    ]
}


@router.post("/orders", status_code=202, openapi_extra=KEY_PARAMETER, responses=problem_responses(502, 504))
async def place_order(desk: DeskHere, key: Key, body: NewOrder, response: Response) -> Accepted:
    """Take an order. It is pending, and goes on by itself; the same key gets the same answer."""
    placed = await desk.placing.place(key, body)
    # Relative to the request: right through the gateway too, which has this service under a path of its own.
    response.headers["Location"] = f"orders/{placed.answer.id}"
    if placed.replayed:
        response.headers[REPLAYED] = "true"
    return placed.answer


@router.head("/orders", include_in_schema=False)
@router.get("/orders")
async def list_orders(
    desk: DeskHere,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> OrderPage:
    """A page of the orders, newest first. A page after the last is empty."""
    found = await desk.database.read(lambda session: orders.find_orders(session, page, size))
    return OrderPage(items=[Order.of(row) for row in found.rows], total=found.total, page=page, size=size)


@router.head("/orders/{order_id}", include_in_schema=False)
@router.get("/orders/{order_id}", responses=problem_responses(404))
async def get_order(desk: DeskHere, order_id: UUID) -> Order:
    """One order, as it stands."""
    row = await desk.database.read(lambda session: orders.find_order(session, order_id))
    if row is None:
        raise Problem(404, f"there is no order {order_id}", order_id=str(order_id))
    return Order.of(row)
