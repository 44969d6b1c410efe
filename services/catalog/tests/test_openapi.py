"""The service does what its OpenAPI says, whatever schemathesis sends: no 5xx, no other shape."""

from pathlib import Path

import pytest
from blueprint_testing import Running
from blueprint_testing.openapi import does_what_its_schema_says

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
async def test_every_operation_does_what_its_schema_says(service: Running, tmp_path: Path) -> None:
    """A process of its own, on the real port; it keeps nothing for the next run."""
    output = await does_what_its_schema_says(service, CONFIGURATION, tmp_path)
    assert "Tested: 3" in output
