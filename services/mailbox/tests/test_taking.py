"""What is taken and what is refused, over real sockets."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from blueprint_testing import Running, eventually, is_problem, running, say
from conftest import Settings
from sending import TO, Sender, new_mail

from app.main import create
from blueprint_kit.settings import SettingsError


async def listed(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get("/api/mails" + query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_a_mail_is_kept_and_shown_with_its_id(client: httpx.AsyncClient, sender: Sender) -> None:
    mail = new_mail(html="<b>catalog</b> is down")
    code, said = await sender.send(mail, (TO, "dev@blueprint.test", TO))
    (found,) = await listed(client)
    assert (code, said.decode()) == (250, f"2.0.0 kept as {found['id']}")
    assert (found["from"], found["to"]) == ("alertmanager@blueprint.test", [TO, "dev@blueprint.test"])
    assert (found["message_id"], found["subject"]) == (mail["Message-ID"], "[FIRING:1] ServiceDown")
    whole = (await client.get(f"/api/mails/{found['id']}")).json()
    assert {key: whole[key] for key in found} == found
    assert (whole["text"].strip(), whole["html"].strip()) == ("catalog is down", "<b>catalog</b> is down")
    assert {"name": "To", "value": TO} in whole["headers"]


async def test_the_answer_waits_for_the_disk(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, write = threading.Event(), os.fsync

    def slow(number: int) -> None:
        disk.wait(10)
        write(number)

    monkeypatch.setattr(os, "fsync", slow)
    sending = asyncio.create_task(sender.send(new_mail()))
    await asyncio.sleep(0.5)
    assert not sending.done()
    disk.set()
    assert (await sending)[0] == 250


async def test_mails_of_another_domain_are_refused_for_good(
    client: httpx.AsyncClient, sender: Sender, service: Running
) -> None:
    before = await service.metric('mails_refused_total{code="550"}')
    for other in ("ops@example.org", "ops@blueprint.test.example.org", "ops@xblueprint.test", "ops"):
        code, said = await sender.send(new_mail(), (other,))
        assert (code, said) == (550, b"5.7.1 mail is taken for blueprint.test only"), other
    assert (await sender.send(new_mail(), ("Ops@Blueprint.TEST",)))[0] == 250
    assert len(await listed(client)) == 1
    assert await service.metric('mails_refused_total{code="550"}') == before + 4


async def test_a_mail_may_have_so_many_recipients(client: httpx.AsyncClient, sender: Sender) -> None:
    code, _ = await sender.send(new_mail(), [f"{number}@blueprint.test" for number in range(4)])
    assert code == 452
    assert await listed(client) == []


async def test_a_mail_may_be_so_large_whether_it_says_so_or_not(client: httpx.AsyncClient, sender: Sender) -> None:
    large = new_mail(text="word\n" * 5000)
    assert (await sender.send(large))[0] == 552
    hello = b"EHLO x\r\nMAIL FROM:<a@blueprint.test>\r\nRCPT TO:<ops@blueprint.test>\r\nDATA\r\n"
    answer = await say(sender.port, hello + b"word\r\n" * 5000 + b".\r\nQUIT\r\n")
    assert b"552 Error: Too much mail data" in answer
    assert answer.endswith(b"221 Bye\r\n")
    assert await listed(client) == []


async def test_a_line_without_an_end_ends_the_session(
    client: httpx.AsyncClient, sender: Sender, capsys: pytest.CaptureFixture[str]
) -> None:
    hello = b"EHLO x\r\nMAIL FROM:<a@blueprint.test>\r\nRCPT TO:<ops@blueprint.test>\r\nDATA\r\n"
    await say(sender.port, hello + b"x" * 200_000)
    assert "a session has sent too much" in capsys.readouterr().out
    assert (await sender.send(new_mail()))[0] == 250
    assert len(await listed(client)) == 1


async def test_a_client_that_says_nothing_is_left(sender: Sender, service: Running) -> None:
    began = asyncio.get_running_loop().time()
    await say(sender.port, b"EHLO x\r\n")
    assert 0.5 < asyncio.get_running_loop().time() - began < 3
    assert await service.metric("smtp_sessions") == 0


async def test_a_client_that_says_always_the_same_is_left(sender: Sender) -> None:
    """Each command starts `smtp_seconds` anew; `session_seconds` goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sender.port)
    async with asyncio.timeout(6):
        while not reader.at_eof():
            writer.write(b"NOOP\r\n")
            await asyncio.sleep(0.2)
            try:
                await reader.read(1000)
            except ConnectionError:
                break
    writer.close()


async def test_commands_are_counted(sender: Sender) -> None:
    answer = await say(sender.port, b"EHLO x\r\n" + b"NOOP\r\n" * 101)
    assert answer.count(b"250 OK\r\n") == 100
    assert b"421 4.7.0 NOOP sent too many times" in answer


async def test_a_client_for_whom_there_is_no_room_may_try_again(sender: Sender, service: Running) -> None:
    waiting = [await asyncio.open_connection("127.0.0.1", sender.port) for _ in range(4)]
    for reader, _ in waiting:
        assert (await reader.readline()).startswith(b"220 blueprint.test")
    assert await say(sender.port, b"") == b"421 4.3.2 too many clients; try again\r\n"
    for _, writer in waiting:
        writer.close()

    async def nobody_is_there() -> bool:
        return await service.metric("smtp_sessions") == 0

    await eventually(nobody_is_there)
    assert (await sender.send(new_mail()))[0] == 250


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\xff\xfe\r\n", b"500"),
        (b"MAIL FROM:<a@blueprint.test>\r\n", b"503"),
        (b"EHLO x\r\nRCPT TO:<ops@blueprint.test>\r\n", b"503"),
        (b"EHLO x\r\nMAIL FROM:<\r\n", b"553"),
        (b"EHLO x\r\nMAIL FROM:<a@blueprint.test> SMTPUTF8\r\n", b"501"),
        (b"EHLO x\r\nSTARTTLS\r\n", b"454"),
        (b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n", b"538"),
        (b"EHLO x\r\nVRFY root\r\n", b"252"),
        (b"x" * 3000 + b"\r\n", b"500"),
    ],
)
async def test_what_is_no_good_smtp_is_answered_and_harms_nobody(sender: Sender, said: bytes, code: bytes) -> None:
    answer = await say(sender.port, said + b"QUIT\r\n")
    assert answer.splitlines()[-2][:3] == code, answer
    assert answer.endswith(b"221 Bye\r\n")


async def test_folder_that_is_gone_is_temporary_for_senders_and_readiness_says_it(
    client: httpx.AsyncClient, sender: Sender, folder: Path
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    folder.rmdir()
    assert await sender.send(new_mail()) == (451, b"4.3.1 the mail cannot be stored now; try again")
    is_problem(await client.get("/api/mails"), 503, "records-unavailable")
    assert "No such file or directory" in is_problem(await client.get("/readyz"), 503, "not-ready")["detail"]
    assert (await client.get("/livez")).status_code == 200
    folder.mkdir()
    assert (await sender.send(new_mail()))[0] == 250
    assert (await client.get("/readyz")).status_code == 200


async def test_oldest_mails_make_room(client: httpx.AsyncClient, sender: Sender, service: Running) -> None:
    records = service.app.state.mails._records
    object.__setattr__(records._most, "count", 3)
    removed = await service.metric("records_removed_total")
    for number in range(5):
        await sender.send(new_mail(str(number)))
    assert [mail["subject"] for mail in await listed(client)] == ["4", "3", "2"]
    assert await service.metric("records_removed_total") == removed + 2
    assert await service.metric("records_kept") == 3


def test_service_refuses_to_start_without_its_folder(settings: Settings, folder: Path) -> None:
    with pytest.raises(SettingsError, match="must be a folder that is there; mount the claim at"):
        create(settings(mails_folder=folder / "nothing"))


async def test_service_does_not_start_where_the_port_is_taken(settings: Settings, sender: Sender) -> None:
    made = settings(smtp_port=sender.port)
    with pytest.raises(RuntimeError, match="did not start"):
        async with running(create(made), made):
            pass
