"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

from pathlib import Path

import httpx
import pytest
from blueprint_testing import Running
from blueprint_testing.openapi import does_what_its_schema_says
from ledger import Ledger

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
async def test_every_operation_does_what_its_schema_says(service: Running, ledger: Ledger, tmp_path: Path) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    output = await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    assert "Tested: 7" in output
    await ledger.balance()


async def test_errors_are_described_as_problem_documents(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    common = {"200", "400", "408", "413", "414", "415", "422", "431", "503"}
    further = {
        "get /inventory": set(),
        "get /inventory/{sku}": {"404"},
        "get /reservations/{order_id}": {"404"},
        "put /reservations/{order_id}": {"409"},
        "post /reservations/{order_id}/commit": {"404", "409"},
        "post /reservations/{order_id}/release": {"409"},
        "post /deliveries": {"409"},
    }
    described = {
        f"{method} {path}": of["responses"] for path, methods in paths.items() for method, of in methods.items()
    }
    assert {operation: set(responses) - common for operation, responses in described.items()} == further
    for responses in described.values():
        shapes = {status: list(response["content"]) for status, response in responses.items()}
        assert shapes.pop("200") == ["application/json"]
        assert all(shape == ["application/problem+json"] for shape in shapes.values())
