"""The service over HTTP."""

from pathlib import Path

import httpx
import pytest
from blueprint_testing import is_problem
from sending import TO, Sender, new_mail


async def test_list_without_mails_is_empty(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/mails")).json() == {"items": [], "total": 0, "page": 1, "size": 20}


async def test_pages_have_every_mail_once_newest_first(client: httpx.AsyncClient, sender: Sender) -> None:
    for number in range(5):
        await sender.send(new_mail(str(number)))
    pages = [(await client.get(f"/api/mails?page={page}&size=2")).json() for page in (1, 2, 3, 4)]
    assert [[item["subject"] for item in page["items"]] for page in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    assert {page["total"] for page in pages} == {5}


async def test_mails_since_a_time_and_for_an_address(client: httpx.AsyncClient, sender: Sender) -> None:
    for number, to in enumerate((TO, "dev@blueprint.test", TO)):
        await sender.send(new_mail(str(number)), (to,))

    async def subjects(**asked: str) -> list[str]:
        answer = await client.get("/api/mails", params=asked)
        assert answer.json()["total"] == len(answer.json()["items"])
        return [item["subject"] for item in answer.json()["items"]]

    second = (await client.get("/api/mails")).json()["items"][1]["at"]
    assert await subjects(since=second) == ["2", "1"]
    assert await subjects(to="DEV@blueprint.test") == ["1"]
    assert await subjects(since=second, to=TO) == ["2"]
    assert await subjects(to="nobody@blueprint.test") == []
    assert await subjects(since="0001-01-01T00:00:00+00:00") == ["2", "1", "0"]
    assert await subjects(since="9999-12-31T23:59:59Z") == []


async def test_mail_that_is_not_there(client: httpx.AsyncClient) -> None:
    is_problem(await client.get("/api/mails/1764316800000000-0123456789abcdef"), 404, "not-found")


@pytest.mark.parametrize("name", ["1", "..%2f..%2fetc%2fpasswd", ".aside-1", "1764316800000000-0123456789ABCDEF"])
async def test_what_is_no_id_reads_no_file(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/api/mails/{name}")).status_code in {404, 422}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("since=", "since"),
        ("since=yesterday", "since"),
        ("since=1764316800", "since"),
        ("since=2026-11-28", "since"),
        ("since=2026-11-28T08:00:00", "since"),
        ("since=0001-01-01T00:00:00%2B01:00", "since"),
        (f"to={'x' * 321}", "to"),
        ("page=0", "page"),
        ("size=101", "size"),
    ],
)
async def test_bad_parameter_is_named(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    (error,) = is_problem(await client.get(f"/api/mails?{query}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == (parameter, "query")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_mails_are_neither_made_nor_removed_by_http(client: httpx.AsyncClient, method: str) -> None:
    is_problem(await client.request(method, "/api/mails"), 405, "method-not-allowed")


async def test_damaged_mail_is_left_out_and_said(
    client: httpx.AsyncClient, sender: Sender, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await sender.send(new_mail("good"))
    bad = folder / "1764316800000000-0123456789abcdef"
    bad.write_bytes(b"half a mai")
    assert [item["subject"] for item in (await client.get("/api/mails")).json()["items"]] == ["good"]
    is_problem(await client.get(f"/api/mails/{bad.name}"), 404, "not-found")
    assert bad.name in capsys.readouterr().out
