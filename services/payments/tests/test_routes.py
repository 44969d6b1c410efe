"""The payments: the rule of the test card, and what is refused."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from blueprint_testing import Running, is_problem

from blueprint_kit.problems import kind_of

ORDER = "0193f1a2-7c3e-7b50-9f6d-0c1d2e3f4a5b"
PATH = f"/payments/{ORDER}"
JSON = {"Content-Type": "application/json"}


def asked(amount: object = "12.50", currency: object = "EUR") -> dict[str, Any]:
    return {"amount": {"amount": amount, "currency": currency}}


async def paid(client: httpx.AsyncClient, amount: str, path: str = PATH) -> dict[str, Any]:
    response = await client.put(path, json=asked(amount))
    assert response.status_code == 200, response.text
    payment: dict[str, Any] = response.json()
    return payment


async def test_payment_is_approved(client: httpx.AsyncClient) -> None:
    payment = await paid(client, "12.50")
    assert UUID(payment.pop("id")).version == 5
    amount = {"amount": "12.50", "currency": "EUR"}
    assert payment == {"order_id": ORDER, "status": "approved", "reason": None, "amount": amount}


@pytest.mark.parametrize("amount", ["0.13", "7.13", "113.13", "9999999999999999.13"])
async def test_amount_that_ends_in_13_cents_is_declined(client: httpx.AsyncClient, amount: str) -> None:
    payment = await paid(client, amount)
    assert (payment["status"], payment["reason"]) == ("declined", "card_declined")
    assert payment["amount"]["amount"] == amount


@pytest.mark.parametrize("amount", ["0.00", "13.00", "1.31", "0.31", "13.14", "1300000000000000.12"])
async def test_all_other_amounts_are_approved_and_exact(client: httpx.AsyncClient, amount: str) -> None:
    payment = await paid(client, amount)
    assert (payment["status"], payment["reason"], payment["amount"]["amount"]) == ("approved", None, amount)


async def test_the_same_order_gets_the_same_answer_however_often_and_wherever(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(paid(client, "12.50") for _ in range(50)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["id"] == "17a2007e-8eb6-50bc-92fd-f2125f2d57fd", "another process, or version, says the same"


async def test_each_order_has_a_payment_of_its_own(client: httpx.AsyncClient) -> None:
    first, second = await paid(client, "1.00"), await paid(client, "1.00", PATH[:-1] + "c")
    assert first["id"] != second["id"]


async def test_order_may_be_written_in_capitals(client: httpx.AsyncClient) -> None:
    assert await paid(client, "1.00", f"/payments/{ORDER.upper()}") == await paid(client, "1.00")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (asked(12.5), "#/amount/amount"),
        (asked("12.5"), "#/amount/amount"),
        (asked("12.500"), "#/amount/amount"),
        (asked("12"), "#/amount/amount"),
        (asked("-1.00"), "#/amount/amount"),
        (asked("+1.00"), "#/amount/amount"),
        (asked("01.00"), "#/amount/amount"),
        (asked("1e2.00"), "#/amount/amount"),
        (asked("1.00\n"), "#/amount/amount"),
        (asked("\u0967.\u0966\u0966"), "#/amount/amount"),
        (asked("NaN"), "#/amount/amount"),
        (asked("1" * 17 + ".00"), "#/amount/amount"),
        (asked(None), "#/amount/amount"),
        (asked(currency="eur"), "#/amount/currency"),
        (asked(currency="EURO"), "#/amount/currency"),
        (asked(currency="\ud800"), "#/amount/currency"),
        ({"amount": "12.50"}, "#/amount"),
        ({}, "#/amount"),
        (asked() | {"card": "4111"}, "#/card"),
        ({"amount": asked()["amount"] | {"tip": "1.00"}}, "#/amount/tip"),
        ([], "#"),
    ],
)
async def test_body_that_breaks_a_rule_is_named(client: httpx.AsyncClient, body: object, pointer: str) -> None:
    response = await client.put(PATH, content=json.dumps(body), headers=JSON)
    (error,) = is_problem(response, 422, "invalid-request")["errors"]
    assert error["pointer"] == pointer


@pytest.mark.parametrize("order", ["1", "not-an-id", ORDER[:-1], ORDER + "0", "%00"])
async def test_order_that_is_no_uuid(client: httpx.AsyncClient, order: str) -> None:
    (error,) = is_problem(await client.put(f"/payments/{order}", json=asked()), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == ("order_id", "path")


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"", 422, "invalid-request"),
        (b"{", 422, "invalid-request"),
        (b"\xff", 400, kind_of(400)),
        (b"[" * 100_000, 400, kind_of(400)),
        (b'{"amount": ' + b"9" * 5000 + b"}", 400, kind_of(400)),
        (b" " * 1_048_577, 413, kind_of(413)),
    ],
    ids=["empty", "cut off", "not UTF-8", "too deep", "too long a number", "too large"],
)
async def test_body_that_is_not_json_or_too_large(
    client: httpx.AsyncClient, content: bytes, status: int, kind: str
) -> None:
    response = await client.put(PATH, content=content, headers=JSON)
    is_problem(response, status, kind)


async def test_body_of_another_type(client: httpx.AsyncClient) -> None:
    is_problem(await client.put(PATH, data={"amount": "12.50"}), 415, "unsupported-media-type")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
async def test_nothing_is_kept_to_be_read_or_removed(client: httpx.AsyncClient, method: str) -> None:
    is_problem(await client.request(method, PATH), 405, "method-not-allowed")


async def test_payments_are_counted(client: httpx.AsyncClient, service: Running) -> None:
    samples = {status: f'payments_total{{status="{status}"}}' for status in ("approved", "declined")}
    before = {status: await service.metric(sample) for status, sample in samples.items()}
    for amount in ("1.00", "2.00", "2.13"):
        await paid(client, amount)
    now = {status: await service.metric(sample) for status, sample in samples.items()}
    assert (now["approved"] - before["approved"], now["declined"] - before["declined"]) == (2, 1)
