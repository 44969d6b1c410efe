"""Where a program lies, which Python runs it, and with which environment. Pure, but for looking whether files exist."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_REMEDY = "make it (python3 -m venv, then install the program's packages), or correct the option in Pulumi.yaml"
TOOLCHAINS = ("pip", "uv")


class OptionError(Exception):
    """A runtime option in Pulumi.yaml that cannot be followed; says the value, the rule and the remedy."""


@dataclass(frozen=True)
class Program:
    """A program or plugin as the engine describes it.

    Attributes:
        root: the folder of Pulumi.yaml (or PulumiPlugin.yaml, PulumiPolicy.yaml).
        folder: the folder in which it runs.
        entry_point: what is run, relative to the folder; `.` runs the folder's `__main__.py`.
        options: `runtime.options` of the project's file.
    """

    root: Path
    folder: Path
    entry_point: str
    options: Mapping[str, Any]

    def virtualenv(self) -> Path | None:
        """The virtual environment that the options choose; None where they choose none.

        Raises:
            OptionError: it does not exist, or the toolchain is unknown.
        """
        toolchain = self.options.get("toolchain", "pip")
        if toolchain not in TOOLCHAINS:
            raise OptionError(f"runtime option toolchain={toolchain!r}: it is one of {', '.join(TOOLCHAINS)}")
        chosen = self.options.get("virtualenv") or (".venv" if toolchain == "uv" else "")
        if not chosen:
            return None
        folder = (self.root / str(chosen)).absolute()
        if not (folder / "bin" / "python").exists():
            raise OptionError(
                f"runtime option virtualenv={chosen!r}: there is no {folder / 'bin' / 'python'}; {_REMEDY}"
            )
        return folder

    def python(self, default: str) -> str:
        """The interpreter: the virtual environment's, else the default."""
        chosen = self.virtualenv()
        return str(chosen / "bin" / "python") if chosen else default


def environment(program: Program, extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with the virtual environment active where there is one, and the extra names."""
    found = dict(os.environ)
    chosen = program.virtualenv()
    if chosen:
        found.pop("PYTHONHOME", None)
        found |= {"VIRTUAL_ENV": str(chosen), "PATH": f"{chosen / 'bin'}{os.pathsep}{found.get('PATH', '')}"}
    return found | dict(extra)


def run_environment(config: Mapping[str, str], secret_keys: Sequence[str]) -> dict[str, str]:
    """How a program gets its configuration: as JSON in two variables, which the Pulumi SDK reads."""
    return {
        "PULUMI_CONFIG": json.dumps(dict(config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(secret_keys)),
        "PYTHONUNBUFFERED": "1",
    }


def run_arguments(values: Mapping[str, str | int | bool], entry_point: str) -> list[str]:
    """The arguments of the SDK's runner (`executor.py`); empty values are left out."""
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}
    flags = [part for key, text in texts.items() if text for part in (f"--{key}", text)]
    return [*flags, entry_point]
