"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

from pathlib import Path

import httpx
import pytest
from blueprint_testing import Running
from blueprint_testing.openapi import does_what_its_schema_says
from paging import new_notification, resolved

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
async def test_every_operation_does_what_its_schema_says(
    service: Running, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    for notification in (new_notification(), resolved()):
        await client.post("/alerts", json=notification)
    output = await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    assert "Tested: 2" in output


async def test_errors_are_described_as_problem_documents(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    described = {path: {*methods} for path, methods in paths.items()}
    assert described == {"/alerts": {"post"}, "/api/pages": {"get"}}
    for operation in (paths["/alerts"]["post"], paths["/api/pages"]["get"]):
        assert set(operation["responses"]) == {"200", "400", "408", "413", "414", "415", "422", "431", "503"}
