"""What is taken from Alertmanager, and how it is shown."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from blueprint_testing import Running, is_problem
from paging import ENDED, STARTED, new_alert, new_notification, resolved


async def listed(client: httpx.AsyncClient, **asked: str) -> list[dict[str, Any]]:
    answer = await client.get("/api/pages", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["items"])
    return list(answer.json()["items"])


async def paged(client: httpx.AsyncClient, notification: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/alerts", json=notification)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_notification_is_kept_and_shown(client: httpx.AsyncClient) -> None:
    sent = new_notification(new_alert(), new_alert(fingerprint="1"), added_by_a_later_version={"x": [1, None]})
    kept = await paged(client, sent)
    (page,) = await listed(client)
    assert kept == {"id": page["id"], "new": True}
    assert page["at"] > "2026"
    assert (page["status"], page["receiver"], page["group_key"]) == ("firing", "pager", sent["groupKey"])
    assert page["common_labels"] == {"severity": "page"}
    assert [alert["fingerprint"] for alert in page["alerts"]] == ["b0c3a7", "1"]
    alert = page["alerts"][0]
    assert (alert["starts_at"], alert["ends_at"]) == (STARTED.replace("789Z", "Z"), None)
    assert alert["labels"] == {"alertname": "ServiceDown", "severity": "page", "service": "catalog"}


async def test_the_answer_waits_for_the_disk(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, write = threading.Event(), os.fsync

    def slow(number: int) -> None:
        disk.wait(10)
        write(number)

    monkeypatch.setattr(os, "fsync", slow)
    asked = asyncio.create_task(paged(client, new_notification()))
    await asyncio.sleep(0.5)
    assert not asked.done()
    disk.set()
    assert (await asked)["new"]


async def test_what_is_delivered_again_doubles_nothing(client: httpx.AsyncClient, service: Running) -> None:
    before = await service.metric('pages_received_total{outcome="repeated",status="firing"}')
    first = await paged(client, new_notification())
    for _ in range(3):
        assert await paged(client, new_notification()) == {**first, "new": False}
    assert len(await listed(client)) == 1
    assert await service.metric('pages_received_total{outcome="repeated",status="firing"}') == before + 3


@pytest.mark.parametrize(
    "other",
    [
        resolved(),
        new_notification(new_alert(startsAt=ENDED)),
        new_notification(new_alert(fingerprint="2")),
        new_notification(new_alert(), new_alert(fingerprint="2")),
        new_notification(new_alert(), groupKey="{}:{}"),
        new_notification(receiver="other"),
    ],
)
async def test_what_differs_is_a_page_of_its_own(client: httpx.AsyncClient, other: dict[str, Any]) -> None:
    first, second = await paged(client, new_notification()), await paged(client, other)
    assert second["new"]
    assert [page["id"] for page in await listed(client)] == [second["id"], first["id"]]


async def test_order_of_alerts_makes_no_difference(client: httpx.AsyncClient) -> None:
    both = [new_alert(fingerprint="1"), new_alert(fingerprint="2")]
    await paged(client, new_notification(*both))
    assert not (await paged(client, new_notification(*both[::-1])))["new"]


async def test_pages_by_time_name_and_status(client: httpx.AsyncClient) -> None:
    for notification in (new_notification(), new_notification(new_alert("NodeDown")), resolved()):
        await paged(client, notification)
    at = {f"{page['alerts'][0]['labels']['alertname']} {page['status']}": page["at"] for page in await listed(client)}
    assert list(at) == ["ServiceDown resolved", "NodeDown firing", "ServiceDown firing"]
    assert len(await listed(client, since=at["NodeDown firing"])) == 2
    assert len(await listed(client, alertname="ServiceDown")) == 2
    assert len(await listed(client, alertname="ServiceDown", status="firing")) == 1
    assert len(await listed(client, alertname="servicedown")) == 0
    assert (await listed(client, status="resolved"))[0]["alerts"][0]["ends_at"] == ENDED


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"version": "5"}, "#/version"),
        ({"version": 4}, "#/version"),
        ({"status": "burning"}, "#/status"),
        ({"groupKey": None}, "#/groupKey"),
        ({"groupLabels": {"a": 1}}, "#/groupLabels/a"),
        ({"truncatedAlerts": -1}, "#/truncatedAlerts"),
        ({"alerts": []}, "#/alerts"),
        ({"alerts": [new_alert(startsAt=1764316800)]}, "#/alerts/0/startsAt"),
        ({"alerts": [new_alert(startsAt="0001-01-01T00:00:00+01:00")]}, "#/alerts/0/startsAt"),
        ({"alerts": [new_alert(fingerprint=7)]}, "#/alerts/0/fingerprint"),
        ({"truncatedAlerts": "1"}, "#/truncatedAlerts"),
        ({"truncatedAlerts": 1.5}, "#/truncatedAlerts"),
    ],
)
async def test_bad_notification_is_refused_with_its_place(
    client: httpx.AsyncClient, changed: dict[str, Any], pointer: str
) -> None:
    answer = await client.post("/alerts", json={**new_notification(), **changed})
    errors = is_problem(answer, 422, "invalid-request")["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert await listed(client) == []


async def test_what_must_be_there_is_named(client: httpx.AsyncClient) -> None:
    errors = is_problem(await client.post("/alerts", json={}), 422, "invalid-request")["errors"]
    assert {error["pointer"] for error in errors} == {
        f"#/{name}" for name in new_notification() if name != "truncatedAlerts"
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"version": "\\ud800"}', b"\xff"])
async def test_what_is_no_document_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/alerts", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_other_types_and_larger_bodies_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/alerts", content=b"x", headers={"Content-Type": "text/plain"})
    is_problem(answer, 415, "unsupported-media-type")
    large = new_notification(new_alert(annotations={"summary": "x" * 9000, "description": "x" * 9999, "more": "x" * 9}))
    large["alerts"] *= 2
    is_problem(await client.post("/alerts", json=large), 413, "content-too-large")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("since=1", "since"), ("status=burning", "status"), (f"alertname={'x' * 201}", "alertname"), ("size=0", "size")],
)
async def test_bad_parameter_is_named(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    (error,) = is_problem(await client.get(f"/api/pages?{query}"), 422, "invalid-request")["errors"]
    assert (error["parameter"], error["in"]) == (parameter, "query")


async def test_folder_that_is_gone_is_a_problem_of_503_so_that_alertmanager_tries_again(
    client: httpx.AsyncClient, folder: Path
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    folder.rmdir()
    answer = await client.post("/alerts", json=new_notification())
    is_problem(answer, 503, "records-unavailable")
    assert answer.headers["retry-after"] == "5"
    is_problem(await client.get("/readyz"), 503, "not-ready")
    folder.mkdir()
    assert (await paged(client, new_notification()))["new"]


async def test_damaged_page_is_left_out_and_said(
    client: httpx.AsyncClient, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await paged(client, new_notification())
    bad = folder / "1764316800000000-0123456789abcdef"
    bad.write_text('{"version":')
    assert len(await listed(client)) == 1
    assert bad.name in capsys.readouterr().out
