"""Guessing: an address that fails too often has to wait; others have not."""

import httpx
from blueprint_testing import Clock, running
from conftest import SECRET, asked

from app.attempts import ADDRESSES, Attempts
from app.main import create
from app.settings import IssuerSettings


def test_an_address_waits_until_its_failures_are_old() -> None:
    clock = Clock()
    attempts = Attempts(3, 60, clock)
    for _ in range(3):
        assert attempts.wait_seconds("a") == 0
        attempts.failed("a")
        clock.now += 10
    assert attempts.wait_seconds("a") == 30
    assert attempts.wait_seconds("b") == 0
    clock.now += 30
    assert attempts.wait_seconds("a") == 0
    attempts.failed("a")
    assert attempts.wait_seconds("a") == 10, "the two others still count"
    clock.now += 120
    assert attempts.wait_seconds("a") == 0


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(1, 60, Clock())
    for number in range(ADDRESSES + 1):
        attempts.failed(str(number))
    assert attempts.wait_seconds("0") == 0
    assert attempts.wait_seconds("1") > 0


async def test_who_guesses_is_not_listened_to_even_when_right(settings: IssuerSettings) -> None:
    strict = settings.model_copy(update={"failures_allowed": 3})
    async with running(create(strict), strict) as service, service.client() as client:
        for _ in range(3):
            assert (await client.post("/token", data=asked("guess"))).status_code == 401
        response: httpx.Response = await client.post("/token", data=asked(SECRET))
        assert (response.status_code, response.json()["error"]) == (429, "slow_down")
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert (await client.get("/jwks")).status_code == 200, "verifiers are served"
