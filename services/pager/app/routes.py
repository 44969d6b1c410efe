"""The service's resources."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from prometheus_client import Counter

from app.pages import Pages
from app.schemas import Kept, Notification, PageList, Status
from blueprint_kit.logs import logger
from blueprint_kit.openapi import problem_responses
from blueprint_kit.times import Time

MOST_PAGES = 1_000_000

NOTIFICATIONS = Counter("pages_received_total", "Notifications that are on the disk.", ["status", "outcome"])

log = logger(__name__)

router = APIRouter(responses=problem_responses())


def pages_of(request: Request) -> Pages:
    """The pages of the application."""
    return cast(Pages, request.app.state.pages)


PagesHere = Annotated[Pages, Depends(pages_of)]


@router.post("/alerts")
async def post_alerts(pages: PagesHere, notification: Notification) -> Kept:
    """Take a notification. The answer comes when it is on the disk; the same one again changes nothing."""
    record, new = await pages.keep(notification)
    NOTIFICATIONS.labels(notification.status, "new" if new else "repeated").inc()
    log.info(
        "page",
        page=record.id,
        new=new,
        status=notification.status,
        alertnames=sorted(notification.alertnames()),
        alerts=len(notification.alerts),
    )
    return Kept(id=record.id, new=new)


@router.head("/api/pages", include_in_schema=False)
@router.get("/api/pages")
async def list_pages(
    *,
    pages: PagesHere,
    since: Annotated[Time | None, Query(description="only those that came then or later")] = None,
    alertname: Annotated[str | None, Query(max_length=200, description="only those with an alert of this name")] = None,
    status: Annotated[Status | None, Query(description="only those of this status")] = None,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> PageList:
    """A page of the list, newest first. A page after the last is empty."""
    found = await pages.find_page(since, alertname, status, page, size)
    return PageList(items=list(found.items), total=found.total, page=page, size=size)
