"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

from pathlib import Path

import httpx
import pytest
from blueprint_testing import Running
from blueprint_testing.openapi import does_what_its_schema_says
from sending import Sender, new_mail

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
async def test_every_operation_does_what_its_schema_says(service: Running, sender: Sender, tmp_path: Path) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    for _ in range(3):
        await sender.send(new_mail())
    output = await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    assert "Tested: 2" in output


async def test_errors_are_described_as_problem_documents(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths) == {"/api/mails", "/api/mails/{mail_id}"}
    common = {"200", "400", "408", "413", "414", "415", "422", "431", "503"}
    assert set(paths["/api/mails"]["get"]["responses"]) == common
    assert set(paths["/api/mails/{mail_id}"]["get"]["responses"]) == common | {"404"}
