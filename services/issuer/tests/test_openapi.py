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
    assert "Tested: 3" in output


async def test_errors_are_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    common = {"200", "400", "408", "413", "414", "415", "422", "431", "503"}
    further = {"get /.well-known/openid-configuration": set(), "get /jwks": set(), "post /token": {"401", "429"}}
    described = {
        f"{method} {path}": of["responses"] for path, methods in paths.items() for method, of in methods.items()
    }
    assert {operation: set(responses) - common for operation, responses in described.items()} == further
    assert "application/json" in described["post /token"]["401"]["content"]
