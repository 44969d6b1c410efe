"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

from pathlib import Path

import httpx
import pytest
from blueprint_testing import Running
from blueprint_testing.openapi import does_what_its_schema_says

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
async def test_every_operation_does_what_its_schema_says(service: Running, tmp_path: Path) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    output = await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    assert "Tested: 1" in output


async def test_errors_are_described_as_problem_documents(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    responses = paths["/payments/{order_id}"]["put"]["responses"]
    assert set(responses) == {"200", "400", "408", "413", "414", "415", "422", "431", "503"}
    shapes = {status: list(response["content"]) for status, response in responses.items()}
    assert shapes.pop("200") == ["application/json"]
    assert all(shape == ["application/problem+json"] for shape in shapes.values())
