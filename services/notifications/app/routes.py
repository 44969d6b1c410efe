"""The service's resources."""

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from app.receipts import Found, Receipts
from app.schemas import NotificationPage
from blueprint_kit.openapi import problem_responses

MOST_PAGES = 1_000_000

router = APIRouter(responses=problem_responses())


def receipts_of(request: Request) -> Receipts:
    """The receipts of the application."""
    return cast(Receipts, request.app.state.receipts)


ReceiptsHere = Annotated[Receipts, Depends(receipts_of)]


@router.head("/notifications", include_in_schema=False)
@router.get("/notifications")
async def list_notifications(
    receipts: ReceiptsHere,
    order_id: Annotated[UUID | None, Query(description="only those of this order")] = None,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> NotificationPage:
    """A page of the notifications, newest orders first. A page after the last is empty."""
    found = await (receipts.find_page(page, size) if order_id is None else _of_order(receipts, order_id, page))
    return NotificationPage(items=list(found.receipts), total=found.total, page=page, size=size)


async def _of_order(receipts: Receipts, order_id: UUID, page: int) -> Found:
    receipt = await receipts.find_order(order_id)
    if receipt is None:
        return Found([], 0)
    return Found([receipt] if page == 1 else [], 1)
