"""How long keys are kept. What they do is in test_routes.py and test_saga.py."""

from collections.abc import Callable
from typing import Any

from blueprint_testing.postgres import Postgres
from rig import GOOD, Replica

from app.idempotency import forget_answers


async def test_keys_are_kept_for_two_days(
    shop: Callable[..., Replica], server: Postgres, emptied: dict[str, Any]
) -> None:
    """Some at a time; their orders stay."""
    replica = shop()
    ids = {key: await replica.place(GOOD, key) for key in ("old-1", "old-2", "young")}
    age = "UPDATE idempotency_keys SET created_at = now() - CASE WHEN key = 'young' THEN interval '47 h' "
    async with server.administrator(emptied["postgres_database"]) as administrator:
        await administrator.execute(age + "ELSE interval '49 h' END")
        left = [await replica.database.write(lambda session: forget_answers(session, most=1)) for _ in range(3)]
        assert left == [1, 1, 0]
        assert [row["key"] for row in await administrator.fetch("SELECT key FROM idempotency_keys")] == ["young"]
        assert await administrator.fetchval("SELECT count(*) FROM orders") == 3
    assert await replica.place(GOOD, "young") == ids["young"]
    assert await replica.place(GOOD, "old-1") != ids["old-1"]
