"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

import asyncio
import sys
from pathlib import Path

import httpx
from blueprint_testing import Running
from confirmed import new_receipt

from app.receipts import keep

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")


async def test_every_operation_does_what_its_schema_says(alone: Running, folder: Path, tmp_path: Path) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    for _ in range(5):
        keep(folder, new_receipt())
    options = ("--max-examples=40", "--seed=1", "--generation-database=none", "--no-color")
    command = (SCHEMATHESIS, "run", f"{alone.url}/openapi.json", *options)
    run = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(run.communicate(), 60)
    assert run.returncode == 0, output.decode()
    assert "Tested: 1" in output.decode()


async def test_errors_are_described_as_problem_documents(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths) == {"/notifications"}
    responses = paths["/notifications"]["get"]["responses"]
    assert set(responses) == {"200", "400", "408", "413", "414", "415", "422", "431", "503"}
    shapes = {status: list(response["content"]) for status, response in responses.items()}
    assert shapes.pop("200") == ["application/json"]
    assert all(shape == ["application/problem+json"] for shape in shapes.values())
