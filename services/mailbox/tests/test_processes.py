"""The program itself, killed while mails come in: what was answered with 250 is there after the next start."""

import asyncio
import json
import signal
import smtplib
from pathlib import Path

import pytest
from blueprint_testing import client
from blueprint_testing.processes import Served, serving, started
from sending import Sender, new_mail

SERVICE = Path(__file__).parents[1]


def settings_of(folder: Path) -> dict[str, object]:
    return {"smtp_port": 0, "mails_folder": folder, "mails_kept": 100_000, "mails_kept_bytes": 10**9}


async def send_until_refused(port: int, answered: dict[str, str]) -> None:
    """One mail after the other; `answered` gets the subject of each that was taken, by its Message-ID."""
    while True:
        mail = new_mail(text="x" * 3000)
        try:
            code, _ = await Sender(port).send(mail)
        except (smtplib.SMTPException, OSError):
            return
        assert code == 250
        answered[mail["Message-ID"]] = mail["Subject"]


async def shown(served: Served) -> dict[str, str]:
    """The ids of all mails that it shows, with how much of each there is."""
    async with client(served.url) as asking:
        found = []
        for page in range(1, 100):
            items = (await asking.get(f"/api/mails?page={page}&size=100")).json()["items"]
            if not items:
                break
            found += items
    assert all(item["size"] > 3000 for item in found)
    assert len({item["message_id"] for item in found}) == len(found)
    return {item["message_id"]: item["subject"] for item in found}


async def killed_while_it_takes_mail(folder: Path, answered: dict[str, str], seconds: float) -> None:
    async with serving(SERVICE, settings_of(folder)) as served:
        sending = [asyncio.create_task(send_until_refused(served.said["smtp_port"], answered)) for _ in range(4)]
        await asyncio.sleep(seconds)
        await served.kill()
        await asyncio.wait_for(asyncio.gather(*sending), 20)
    assert served.process.returncode == -signal.SIGKILL


async def check_killed(folder: Path, times: int) -> None:
    answered: dict[str, str] = {}
    for number in range(times):
        before = len(answered)
        await killed_while_it_takes_mail(folder, answered, 0.4 + 0.037 * number)
        assert len(answered) > before
        async with serving(SERVICE, settings_of(folder)) as served:
            assert (await shown(served)).items() >= answered.items()
        assert served.process.returncode == 0


async def test_process_that_is_killed_has_what_it_answered_for(folder: Path) -> None:
    await check_killed(folder, 1)


@pytest.mark.thorough
async def test_process_that_is_killed_again_and_again_has_what_it_answered_for(folder: Path) -> None:
    await check_killed(folder, 8)


async def test_a_mail_in_hand_is_taken_before_the_end(folder: Path) -> None:
    """SIGTERM in the midst of a mail: its sender finishes, and gets its answer."""
    async with serving(SERVICE, settings_of(folder)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.said["smtp_port"])
        writer.write(
            b"EHLO x\r\nMAIL FROM:<a@blueprint.test>\r\nRCPT TO:<ops@blueprint.test>\r\nDATA\r\nSubject: x\r\n"
        )
        await reader.readuntil(b"354 ")
        served.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        writer.write(b"\r\ntext\r\n.\r\nQUIT\r\n")
        assert b"250 2.0.0 kept as" in await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert served.process.returncode == 0
    assert len(list(folder.iterdir())) == 1


async def test_refused_settings_end_the_process_with_78(folder: Path) -> None:
    process = await started(SERVICE, {"smtp_port": 70000, "mails_folder": folder, "mail_domain": "Blueprint.test"})
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    lines = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 78
    assert {line["value"] for line in lines} == {"SMTP_PORT='70000'", "MAIL_DOMAIN='Blueprint.test'"}
