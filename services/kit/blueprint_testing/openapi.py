"""A running service against its own OpenAPI document, by requests that schemathesis makes up.

Owns how schemathesis is run; what it is to leave out, and why, stands in a service's tests/schemathesis.toml:
https://schemathesis.readthedocs.io/en/stable/reference/configuration/
"""

import asyncio
import sys
from pathlib import Path

from blueprint_testing import Running

SECONDS = 240


async def does_what_its_schema_says(service: Running, configuration: Path, folder: Path) -> str:
    """What schemathesis printed. Its own process asks the real port; what it keeps, it keeps in `folder`.

    Fails the test when it finds a server error, an answer that the document does not describe, or the like.
    """
    program = Path(sys.executable).with_name("schemathesis")
    command = (program, f"--config-file={configuration}", "run", f"{service.url}/openapi.json")
    run = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(run.communicate(), SECONDS)
    assert run.returncode == 0, output.decode()
    return output.decode()
