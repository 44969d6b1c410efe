"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

from pathlib import Path

import httpx
import pytest
from blueprint_testing import Running
from blueprint_testing.openapi import does_what_its_schema_says
from peers import Peers

OPERATIONS = (("/orders", "post"), ("/orders/{order_id}", "get"))
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
async def test_every_operation_does_what_its_schema_says(
    service: Running, client: httpx.AsyncClient, peers: Peers, tmp_path: Path
) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    peers.sells_all = True
    await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    placed = (await client.get("/orders")).json()["total"]
    assert placed > 0, "it did not only send what is refused"


async def test_errors_are_described_as_problem_documents(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    documented = {method: set(document["paths"][path][method]["responses"]) for path, method in OPERATIONS}
    assert {"202", "502", "504"} <= documented["post"]
    assert {"200", "404"} <= documented["get"]
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        shapes = {status: list(response["content"]) for status, response in operation["responses"].items()}
        errors = {status: shape for status, shape in shapes.items() if int(status) >= 400}
        assert all(shape == ["application/problem+json"] for shape in errors.values())
        assert {"400", "413", "415", "422", "503"} <= set(errors)
