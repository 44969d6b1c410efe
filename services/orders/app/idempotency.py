"""Idempotency keys: what was answered to the request that came first with a key, so that its repetition gets the same.

Follows draft-ietf-httpapi-idempotency-key-header. A key is stored in the transaction that does what was asked.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from app.models import KeyRow
from app.schemas import Accepted, NewOrder
from blueprint_kit.problems import Problem

HEADER = "Idempotency-Key"
KEY_PATTERN = r"^[!-~]{1,200}$"
KEPT = timedelta(hours=48)  # the promise is 24

_KEY_RULE = re.compile(KEY_PATTERN.strip("^$"))


class BadKey(Problem):
    """400: there is no key, or more than one, or it breaks the rule."""

    def __init__(self, given: int) -> None:
        found = {0: "it is missing", 1: "the one given is not that"}.get(given, f"there are {given}")
        rule = f"the header {HEADER} must be there once, with 1 to 200 visible ASCII characters"
        remedy = "make one for each order, and send it again when you repeat the request"
        super().__init__(400, f"{rule}; {found}; {remedy}", kind="idempotency-key-invalid")


class KeyReused(Problem):
    """422: the key came before, with another body."""

    def __init__(self) -> None:
        detail = f"this {HEADER} came before with another body; make a new one for another order"
        super().__init__(422, detail, kind="idempotency-key-reused")


@dataclass(frozen=True)
class Keyed:
    """A key, and the hash of the body that came with it."""

    key: str
    body_hash: bytes


def key_of(request: Request) -> str:
    """The key of a request. Raises BadKey."""
    given = request.headers.getlist(HEADER)
    if len(given) != 1 or not _KEY_RULE.fullmatch(given[0]):
        raise BadKey(len(given))
    return given[0]


def keyed(key: str, body: NewOrder) -> Keyed:
    """The key with the body's meaning: white space and the order of its members make no other body."""
    return Keyed(key, hashlib.sha256(body.model_dump_json().encode()).digest())


async def find_answer(session: AsyncSession, asked: Keyed) -> Accepted | None:
    """What was answered to this key, if it came before. Raises KeyReused."""
    row = (await session.execute(select(KeyRow.body_hash, KeyRow.answer).where(KeyRow.key == asked.key))).one_or_none()
    if row is None:
        return None
    if row.body_hash != asked.body_hash:
        raise KeyReused
    return Accepted.model_validate(row.answer)


async def keep_answer(session: AsyncSession, asked: Keyed, answer: Accepted) -> bool:
    """Take the key, with the answer; false if it is taken. Waits for a transaction that is just taking it."""
    taking = (
        insert(KeyRow)
        .values(key=asked.key, body_hash=asked.body_hash, answer=answer.model_dump(mode="json"))
        .on_conflict_do_nothing()
        .returning(KeyRow.key)
    )
    return await session.scalar(taking) is not None


async def forget_answers(session: AsyncSession, most: int = 1000) -> int:
    """Remove keys older than `KEPT`, at most so many; how many it were."""
    old = select(KeyRow.key).where(KeyRow.created_at < func.now() - KEPT).limit(most).with_for_update(skip_locked=True)
    gone = await session.scalars(delete(KeyRow).where(KeyRow.key.in_(old)).returning(KeyRow.key))
    return len(gone.all())
