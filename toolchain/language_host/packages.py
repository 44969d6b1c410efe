"""Which Pulumi providers a program needs: each installed SDK package says so in its `pulumi-plugin.json`."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Required:
    """One provider: its name, its version (`v1.2.3`), and where it is downloaded when not from Pulumi."""

    name: str
    version: str
    server: str = ""


def required(site_packages: list[Path]) -> list[Required]:
    """The providers of every SDK package in the folders; packages without a provider are left out."""
    files = [file for folder in site_packages for file in sorted(folder.glob("*/pulumi-plugin.json"))]
    return [found for file in files if (found := parse(file.read_text())) is not None]


def parse(text: str) -> Required | None:
    """What one `pulumi-plugin.json` says; None for a package that has no provider."""
    content = json.loads(text)
    if not content.get("resource"):
        return None
    version = str(content.get("version") or "")
    return Required(
        name=str(content["name"]),
        version=version if version.startswith("v") or not version else f"v{version}",
        server=str(content.get("server") or ""),
    )


def site_packages(virtualenv: Path | None, default: list[Path]) -> list[Path]:
    """Where the program's packages lie."""
    return default if virtualenv is None else sorted(virtualenv.glob("lib/python3*/site-packages"))
