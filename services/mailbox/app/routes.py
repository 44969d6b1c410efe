"""The service's resources."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request

from app.mails import Mails
from app.schemas import Mail, MailPage
from blueprint_kit.openapi import problem_responses
from blueprint_kit.problems import Problem
from blueprint_kit.records import ID, Record
from blueprint_kit.times import Time

MOST_PAGES = 1_000_000

router = APIRouter(prefix="/api", responses=problem_responses())


def mails_of(request: Request) -> Mails:
    """The mails of the application."""
    return cast(Mails, request.app.state.mails)


MailsHere = Annotated[Mails, Depends(mails_of)]


@router.head("/mails", include_in_schema=False)
@router.get("/mails")
async def list_mails(
    mails: MailsHere,
    since: Annotated[Time | None, Query(description="only those that came then or later")] = None,
    to: Annotated[str | None, Query(max_length=320, description="only those for this address")] = None,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> MailPage:
    """A page of the mails, newest first. A page after the last is empty."""
    found = await mails.find_page(since, to, page, size)
    return MailPage(items=list(found.items), total=found.total, page=page, size=size)


@router.head("/mails/{mail_id}", include_in_schema=False)
@router.get("/mails/{mail_id}", responses=problem_responses(404))
async def get_mail(mails: MailsHere, mail_id: Annotated[str, Path(pattern=ID)]) -> Mail:
    """One mail with its headers and its text."""
    found = await mails.find(Record.of(mail_id))
    if found is None:
        raise Problem(404, f"there is no mail {mail_id}, or no longer")
    return found
