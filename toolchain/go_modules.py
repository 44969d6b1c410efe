"""What ships inside the Go modules that toolchain/go locks: the module proxy is there in every lane."""

import json
import re
from pathlib import Path

from toolchain.errors import ToolchainError
from toolchain.recipes import MODULES
from toolchain.shell import run

DOWNLOAD_SECONDS = 600
SUITE = "suite"


def version(module: str, locked_by: str = SUITE) -> str:
    """The version of a Go module that a go.mod locks.

    Args:
        module: its path.
        locked_by: the folder below toolchain/go whose go.mod it is.

    Raises:
        ToolchainError: go.mod does not require the module.
    """
    return parse_version((MODULES / locked_by / "go.mod").read_text(), module)


def parse_version(go_mod: str, module: str) -> str:
    """The version that a go.mod's text requires of the module.

    Raises:
        ToolchainError: it does not require the module.
    """
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod, flags=re.MULTILINE)
    if found is None:
        raise ToolchainError(
            f"module {module}", "its version stands in a go.mod below toolchain/go", "require it there"
        )
    return found[1]


def folder(module: str, locked_by: str = SUITE) -> Path:
    """The module's folder in Go's module cache, whose files are read-only; fetched when it is not there.

    Args:
        module: its path.
        locked_by: the folder below toolchain/go whose go.mod says the version.

    Raises:
        ToolchainError: go.mod does not require the module, Go is missing, or the module proxy did not answer.
    """
    place, wanted = str(MODULES / locked_by), f"{module}@{version(module, locked_by)}"
    command = ["go", "-C", place, "mod", "download", "-json", wanted]
    remedy = "install Go, check that the module proxy is reachable, then run the command again"
    return Path(json.loads(run(command, seconds=DOWNLOAD_SECONDS, remedy=remedy))["Dir"])
