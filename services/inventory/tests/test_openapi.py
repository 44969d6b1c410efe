"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

import asyncio
import sys
from pathlib import Path

import httpx
from blueprint_testing import Running
from ledger import Ledger

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def test_every_operation_does_what_its_schema_says(service: Running, ledger: Ledger, tmp_path: Path) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    command = (SCHEMATHESIS, f"--config-file={CONFIGURATION}", "run", f"{service.url}/openapi.json")
    run = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(run.communicate(), 120)
    assert run.returncode == 0, output.decode()
    assert "Tested: 7" in output.decode()
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
